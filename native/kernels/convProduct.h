// A convolution as one matrix product of its patches, in bfloat16 on CPUs with AMX.
//
// Why it is here: oneDNN's kernel reads all weights again for each image, and waits for memory where a layer
// has many weights and few output pixels. In Python, on one thread, a 3 x 3 convolution of 512 channels,
// batch 64, took 8.2, 13.3 and 16.7 ms at 1, 2 x 2 and 4 x 4 pixels, and the product 0.8, 2.5 and 7.2
// (docs/benchmarks.md).
#pragma once

#include <ATen/ATen.h>

#include "narrowOutput.h"

namespace spurmem {

struct OutputSize {
  int64_t height, width;

  int64_t pixels() const { return height * width; }
};

// Of inputs of these sizes, [N, C, H, W].
OutputSize outputSize(at::IntArrayRef input, const ConvShape& shape);

// The input of each output pixel, a row each: [N x height x width, kernel x kernel x channels].
at::Tensor patches(const at::Tensor& x, const ConvShape& shape, const OutputSize& size);

// Whether the product is faster than oneDNN's kernel for a weight of [out, in, kernel, kernel], where no
// gradient is wanted: of more than 2 MB, with an output of at most 5 x 5 pixels.
bool isFasterAsProduct(at::IntArrayRef input, const at::Tensor& weight, const ConvShape& shape);

// A weight as the product takes it: [out, kernel x kernel x in].
at::Tensor asMatrix(const at::Tensor& weight);

// The convolution with a weight from `asMatrix`, in channels_last; it differs from oneDNN's by bfloat16's
// rounding of single values.
at::Tensor convolvePatches(const at::Tensor& x, const at::Tensor& matrix, const at::Tensor& bias,
                           const ConvShape& shape);

}  // namespace spurmem
