#include "convProduct.h"

// GCC 12 sees writes out of bounds in the vectors of flags that libtorch's header copies.
#pragma GCC diagnostic ignored "-Warray-bounds"
#pragma GCC diagnostic ignored "-Wstringop-overflow"

namespace spurmem {

namespace {

// Fewer weights stay in a core's cache from image to image.
constexpr int64_t kFewestWeights = 1 << 20;
// With more, reading the weights is no longer what takes the time.
constexpr int64_t kMostPixels = 5 * 5;

}  // namespace

OutputSize outputSize(at::IntArrayRef input, const ConvShape& shape) {
  const auto side = [&](size_t dimension) {
    const auto room = input[dimension] + 2 * shape.padding - shape.kernel;
    return room < 0 ? 0 : room / shape.stride + 1;
  };
  return {side(2), side(3)};
}

at::Tensor patches(const at::Tensor& x, const ConvShape& shape, const OutputSize& size) {
  const auto& [kernel, stride, padding] = shape;
  auto pixels = x.permute({0, 2, 3, 1});
  if (padding > 0) pixels = at::constant_pad_nd(pixels, {0, 0, padding, padding, padding, padding});
  const auto steps = pixels.strides();
  return pixels
      .as_strided({x.size(0), size.height, size.width, kernel, kernel, x.size(1)},
                  {steps[0], stride * steps[1], stride * steps[2], steps[1], steps[2], steps[3]})
      .reshape({x.size(0) * size.pixels(), kernel * kernel * x.size(1)});
}

bool isFasterAsProduct(at::IntArrayRef input, const at::Tensor& weight, const ConvShape& shape) {
  if (!hasAmx() || shape.kernel == 1 || weight.numel() <= kFewestWeights) return false;
  const auto pixels = outputSize(input, shape).pixels();
  return pixels > 0 && pixels <= kMostPixels;
}

at::Tensor asMatrix(const at::Tensor& weight) {
  return weight.permute({0, 2, 3, 1}).reshape({weight.size(0), -1});
}

at::Tensor convolvePatches(const at::Tensor& x, const at::Tensor& matrix, const at::Tensor& bias,
                           const ConvShape& shape) {
  const auto size = outputSize(x.sizes(), shape);
  return at::linear(patches(x, shape, size), matrix, bias)
      .view({x.size(0), size.height, size.width, matrix.size(0)})
      .permute({0, 3, 1, 2});
}

}  // namespace spurmem
