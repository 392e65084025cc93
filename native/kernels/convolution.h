// A layer's convolution. In bfloat16 on CPUs with AMX it avoids the cases that oneDNN's kernel gets wrong or
// computes slowly (docs/benchmarks.md has the measurements).
#pragma once

#include <ATen/ATen.h>

#include <optional>

namespace spurmem {

// A convolution's shape: kernels, strides and paddings are square.
struct ConvShape {
  int64_t kernel, stride, padding;
};

// at::conv2d. With AMX, the weight's gradient is one matrix product where oneDNN's kernel waits for memory,
// because it adds to all weights once for each image (an epoch of ResNet-18 at 112 px: 1.5 times faster). It
// differs from oneDNN's by bfloat16's rounding of single values; the output is equal to the bit.
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                    const ConvShape& shape, int64_t groups = 1);

// Whether oneDNN's bfloat16 kernel for AMX would read uninitialized memory: with a kernel larger than a
// pixel, a stride above 1, and an output one column wide. It then returns NaN, or sums with errors as large
// as the sums (seen with libtorch 2.6 and 2.13; right without AMX, and for all other shapes of a scan).
bool amxMisreads(const at::Tensor& x, const ConvShape& shape);

// `convolve(x)`; where AMX misreads that, the first column of the output for `x` padded with columns of
// zeros, which is equal to it.
template <class Convolve>
at::Tensor convolveSafely(const at::Tensor& x, const ConvShape& shape, Convolve convolve) {
  if (!amxMisreads(x, shape)) return convolve(x);
  const auto format = x.suggest_memory_format();
  return convolve(at::constant_pad_nd(x, {0, shape.stride})).narrow(3, 0, 1).contiguous(format);
}

// Whether evaluation should compute a layer as the product of its patches and its weights, because oneDNN's
// kernel reads all weights again for each image: with AMX, weights of more than 2 MB, and an output of at
// most 5 x 5 pixels (evaluation of ResNet-18: 1.75 times faster at 64 px, 1.26 at 112).
bool isFasterAsProduct(at::IntArrayRef input, const at::Tensor& weight, const ConvShape& shape);

// Returns a weight as that product's matrix: [out, kernel x kernel x in].
at::Tensor asMatrix(const at::Tensor& weight);

// Returns the convolution with a weight from `asMatrix`, in channels_last. It differs from oneDNN's by
// bfloat16's rounding of single values.
at::Tensor convolvePatches(const at::Tensor& x, const at::Tensor& matrix, const at::Tensor& bias,
                           const ConvShape& shape);

}  // namespace spurmem
