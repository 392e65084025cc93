// A convolution with its batch-norm and what follows them in a residual network.
//
// Why it is here: in Python, on one thread, folding made ResNet-50's forward pass 1.14 times faster in
// float32 and 1.17 times in bfloat16; adding the residual in place made it 1.1 to 1.2 times faster again
// (docs/benchmarks.md).
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "../nn/network.h"
#include "narrowOutput.h"

namespace spurmem {

// Whether oneDNN computes convolutions in bfloat16 on this CPU; libtorch's own loops are many times slower.
bool hasFastBf16();

// torch.nn.Conv2d, torch.nn.BatchNorm2d, and then, as asked, a sum and a ReLU, in evaluation mode without a
// gradient: oneDNN, or cuDNN on a GPU, runs all of it as one kernel, with the batch-norm folded into the
// weights. The folded weights are kept until a tensor that
// they come from changes.
class ConvNorm {
 public:
  // A convolution that is square and not dilated (no bias: null), and a
  // batch-norm by its weight, bias, running mean and running variance.
  ConvNorm(const Parameter* weight, const Parameter* bias, const std::array<const Parameter*, 4>& norms,
           const ConvShape& shape, int64_t groups, double momentum, double eps);

  // norm(conv(x))
  at::Tensor operator()(const at::Tensor& x, const ForwardContext& context) const;
  // relu(norm(conv(x)))
  at::Tensor relu(const at::Tensor& x, const ForwardContext& context) const;
  // relu(norm(conv(x)) + residual)
  at::Tensor addRelu(const at::Tensor& x, at::Tensor residual, const ForwardContext& context) const;
  // Whether one kernel runs it.
  bool isFused(const at::Tensor& x, const ForwardContext& context) const;

 private:
  struct Folded;

  // {weight, bias} of the convolution that is both layers; the weight is a matrix where the product of
  // convProduct.h is faster.
  using Convolution = std::pair<at::Tensor, at::Tensor>;

  // The one kernel's convolution; none where layers run one after the other.
  std::optional<Convolution> fusable(const at::Tensor& x, const ForwardContext& context) const;
  at::Tensor fused(const at::Tensor& x, const Convolution& convolution, std::optional<at::Tensor> residual,
                   bool relu) const;
  // Undefined where it would not be finite.
  Convolution folded(const ForwardContext& context, at::ScalarType type, at::IntArrayRef inputSize) const;
  at::Tensor reordered(const at::Tensor& weight, at::IntArrayRef inputSize) const;

  // Both layers one after the other.
  at::Tensor unfused(const at::Tensor& x, const ForwardContext& context) const;

  const Parameter* weight_;
  const Parameter* bias_ = nullptr;
  std::array<const Parameter*, 4> norms_;  // weight, bias, running mean, running variance
  ConvShape shape_;
  int64_t groups_;
  double momentum_, eps_;
  std::shared_ptr<Folded> kept_;  // of all copies of this layer
};

}  // namespace spurmem
