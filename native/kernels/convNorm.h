// A convolution with its batch-norm, and the addition and ReLU that may follow.
//
// Why it is here: in Python, on one thread, folding made ResNet-50's forward pass 1.14 times faster in
// float32 and 1.17 times in bfloat16; adding the residual in place made it 1.1 to 1.2 times faster again
// (docs/benchmarks.md).
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "../nn/context.h"
#include "convolution.h"

namespace spurmem {

// Whether oneDNN computes convolutions in bfloat16 on this CPU; libtorch's own loops are many times slower.
bool hasFastBf16();

// torch.nn.Conv2d, torch.nn.BatchNorm2d and then, optionally, a sum and a ReLU, in evaluation without a
// gradient: oneDNN, or cuDNN on a GPU, runs all of it as one kernel, with batch-norm folded into the weights.
// The folded weights are kept until a tensor that they come from changes.
class ConvNorm {
 public:
  // A convolution that is square and not dilated, and a batch-norm.
  struct Layers {
    const Parameter* weight;
    const Parameter* bias;                  // null: none
    std::array<const Parameter*, 4> norms;  // weight, bias, running mean, running variance
    ConvShape shape;
    int64_t groups;
    double momentum, eps;
  };
  explicit ConvNorm(const Layers& layers);

  // Returns norm(conv(x)), plus the residual if defined, then a ReLU if requested.
  at::Tensor operator()(const at::Tensor& x, at::Tensor residual, bool relu,
                        const ForwardContext& context) const;
  // Whether one kernel should run it.
  bool isFused(const at::Tensor& x, const ForwardContext& context) const;

 private:
  struct Folded;

  // {weight, bias} of the folded convolution; the weight is a matrix if the product of patches is faster.
  using Convolution = std::pair<at::Tensor, at::Tensor>;

  // Returns the folded convolution; nullopt if the layers run one after the other.
  std::optional<Convolution> fusable(const at::Tensor& x, const ForwardContext& context) const;
  at::Tensor fused(const at::Tensor& x, const Convolution& convolution, at::Tensor residual, bool relu) const;
  at::Tensor unfused(const at::Tensor& x, const ForwardContext& context) const;
  // Undefined if it would not be finite.
  Convolution folded(const ForwardContext& context, at::ScalarType type, at::IntArrayRef inputSize) const;
  at::Tensor reordered(const at::Tensor& weight, at::IntArrayRef inputSize) const;

  Layers own_;
  std::shared_ptr<Folded> kept_;  // shared by all copies of this layer
};

}  // namespace spurmem
