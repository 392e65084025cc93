// A convolution whose weight gradient is one matrix product, in bfloat16 on CPUs with AMX.
//
// Why it is here: where a layer has few output pixels, oneDNN's kernel adds to all of the weights once for
// each image, and waits for memory. In Python, on one thread, the weight gradient of a 3 x 3 convolution of
// 512 channels at 4 x 4 pixels, batch 64, took 43 ms and the product 10 (docs/benchmarks.md).
#pragma once

#include <ATen/ATen.h>

#include <optional>

#include "narrowOutput.h"

namespace spurmem {

// Whether a gradient will be wanted, and the product is faster than oneDNN's kernel: in convolutions of
// single pixels, and where the output has at most 7 x 7.
bool prefersProduct(const at::Tensor& x, const at::Tensor& weight, const ConvShape& shape);

// at::conv2d without bias under autocast, and equal to it to the bit. The weight's gradient differs from
// oneDNN's by bfloat16's rounding of single values.
at::Tensor convolveByProduct(const at::Tensor& x, const at::Tensor& weight, const ConvShape& shape);

// at::conv2d, computed by what is above and in narrowOutput.h where that is right or faster.
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                    const ConvShape& shape, int64_t groups = 1);

}  // namespace spurmem
