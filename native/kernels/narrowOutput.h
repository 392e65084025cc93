#pragma once

#include <ATen/ATen.h>

namespace spurmem {

// A convolution's shape: kernels, strides and paddings are square.
struct ConvShape {
  int64_t kernel, stride, padding;
};

// Whether the processor computes in bfloat16 with AMX.
bool hasAmx();

// Whether a convolution of `x` is computed in bfloat16.
bool isBf16(const at::Tensor& x);

// Whether oneDNN's bfloat16 kernel for AMX would read memory that nobody has written: where a kernel larger
// than a pixel moves by more than one, and the output is one column wide. It gives NaN then, or sums that are
// off by as much as they are (seen with libtorch 2.6 and 2.13; right without AMX, and for all other shapes of
// a scan).
bool amxMisreads(const at::Tensor& x, const ConvShape& shape);

// `convolve(x)`; where AMX misreads that, the first column of the same over columns of zeros besides, which
// is equal to it.
template <class Convolve>
at::Tensor convolveSafely(const at::Tensor& x, const ConvShape& shape, Convolve convolve) {
  if (!amxMisreads(x, shape)) return convolve(x);
  const auto format = x.suggest_memory_format();
  return convolve(at::constant_pad_nd(x, {0, shape.stride})).narrow(3, 0, 1).contiguous(format);
}

}  // namespace spurmem
