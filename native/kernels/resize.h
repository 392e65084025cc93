// Resizing, cropping, flipping and normalizing of RGB images, bit-exact with torchvision's tensor path.
//
// Why it is here: libtorch's antialiased resize and the conversions around it took 1.48 ms of processor time
// for a picture of 500 x 375 px; this takes 0.26 ms with normalization (docs/benchmarks.md).
#pragma once

#include <array>
#include <cstdint>

namespace spurmem {

// RGB pixels, 3 bytes each, whose rows start `stride` bytes apart.
struct RgbView {
  const uint8_t* pixels;
  int64_t height, width, stride;
};

enum class Interpolation { bilinear, bicubic };

// How to resize an image: to a size, of which a window is kept, mirrored or not.
struct Resizing {
  int64_t height, width;                         // of the whole
  int64_t top, left, windowHeight, windowWidth;  // inside the whole
  bool flip;
  Interpolation interpolation;
};

// torchvision.transforms.functional.resize(antialias=True) of a uint8 tensor, then crop, then hflip: in
// float32, first along the rows, rounded to even. Only the window is computed.
//
// Writes the window's rows to `target`, `targetStride` bytes apart.
void resizeRgb(const RgbView& source, const Resizing& resizing, uint8_t* target, int64_t targetStride);

// (value / 255 - mean) / std of each channel, [pixels, 3] uint8 to [pixels, 3] float32: ToTensor and
// Normalize.
void normalizeRgb(const uint8_t* bytes, int64_t pixels, const std::array<double, 3>& mean,
                  const std::array<double, 3>& std, float* target);

}  // namespace spurmem
