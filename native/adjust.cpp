// The libtorch calls of torchvision/transforms/_functional_tensor.py, in their order. Only steps that
// change no bit are left out: adding zeros, and masks of which one value is used.
#include "adjust.h"

namespace spurmem {

namespace {

using at::Tensor;

Tensor blend(const Tensor& image, const Tensor& other, double ratio) {
  return (image * ratio + other * (1 - ratio)).clamp_(0, 255).to(at::kByte);
}

// [1, height, width]
Tensor grayscale(const Tensor& image) {
  return (image[0] * 0.2989 + image[1] * 0.587 + image[2] * 0.114).to(at::kByte).unsqueeze(0);
}

Tensor adjustContrast(const Tensor& image, double factor) {
  return blend(image, grayscale(image).to(at::kFloat).mean({-3, -2, -1}, /*keepdim=*/true), factor);
}

Tensor adjustHue(const Tensor& image, double shift) {
  const auto rgb = image.to(at::kFloat).div_(255.0);
  const auto value = rgb.amax(0);
  const auto range = value - rgb.amin(0);
  const auto isGray = range == 0;
  const auto saturation = range / value.masked_fill(isGray, 1);
  const auto below = (value - rgb) / range.masked_fill(isGray, 1);
  const auto red = below[0], green = below[1], blue = below[2];
  auto hue = at::where(value == rgb[0], blue - green,
                       at::where(value == rgb[1], red + 2.0 - blue, green + 4.0 - red));
  hue = (hue / 6.0).add_(1.0).fmod_(1.0).add_(shift).remainder_(1.0).mul_(6.0);
  const auto sixth = hue.floor();
  const auto fraction = hue - sixth;
  const auto p = (value * (1.0 - saturation)).clamp_(0, 1);
  const auto q = (value * (1.0 - saturation * fraction)).clamp_(0, 1);
  const auto t = (value * (1.0 - saturation * (1.0 - fraction))).clamp_(0, 1);
  // Red in each sixth of the circle; green is as red two sixths before, blue as red two sixths after.
  const auto circle = at::stack({value, q, p, p, t, value});
  const auto places = at::stack({sixth, sixth + 4.0, sixth + 2.0}).to(at::kLong).remainder_(6);
  return circle.gather(0, places).mul_(255.999).to(at::kByte);
}

Tensor gaussianBlur(const Tensor& image, double sigma, int64_t size) {
  const double half = static_cast<double>(size - 1) * 0.5;
  const auto density =
      at::exp((at::linspace(-half, half, size, image.options().dtype(at::kFloat)) / sigma).pow(2) * -0.5);
  const auto line = density / density.sum();
  const auto kernel = at::mm(line.unsqueeze(1), line.unsqueeze(0)).expand({3, 1, size, size});
  const int64_t edge = size / 2;
  const auto padded = at::reflection_pad2d(image.unsqueeze(0).to(at::kFloat), {edge, edge, edge, edge});
  return at::conv2d(padded, kernel, {}, 1, at::IntArrayRef{0}, 1, /*groups=*/3)
      .squeeze(0)
      .round_()
      .to(at::kByte);
}

}  // namespace

at::Tensor adjusted(const at::Tensor& image, Adjustment adjustment, double amount, int64_t kernel) {
  switch (adjustment) {
    case Adjustment::brightness:
      return (image * amount).clamp_(0, 255).to(at::kByte);
    case Adjustment::contrast:
      return adjustContrast(image, amount);
    case Adjustment::saturation:
      return blend(image, grayscale(image), amount);
    case Adjustment::hue:
      return adjustHue(image, amount);
    case Adjustment::grayscale:
      return grayscale(image).expand_as(image);
    case Adjustment::blur:
      return gaussianBlur(image, amount, kernel);
  }
  TORCH_CHECK(false, "unknown adjustment");
}

}  // namespace spurmem
