// torchvision's color changes and blur, bit-exact with its tensor path on uint8.
#pragma once

#include <ATen/ATen.h>

namespace spurmem {

// Numbered as `ADJUSTMENTS` in src/native/interface.ts.
enum class Adjustment : int32_t { brightness, contrast, saturation, hue, grayscale, blur };
constexpr int32_t kAdjustments = 6;

// Returns an image after a change, [3, height, width] uint8: torchvision.transforms.functional's
// adjust_brightness, adjust_contrast, adjust_saturation and adjust_hue by `amount`, rgb_to_grayscale, or
// gaussian_blur with `amount` as sigma and a kernel of `kernel` x `kernel` px.
at::Tensor adjusted(const at::Tensor& image, Adjustment adjustment, double amount, int64_t kernel);

}  // namespace spurmem
