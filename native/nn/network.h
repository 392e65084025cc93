// A network as a list of named stages over parameters with PyTorch's names. It can run from any stage on, and
// with some neurons perturbed, without changing its weights.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace spurmem {

struct Parameter {
  std::string name;
  at::Tensor value;
};

// A tensor that a variant of the network uses instead of a parameter or buffer of its own.
struct Replacement {
  at::Tensor weight;
  at::Tensor bias;  // of the layer with this weight; undefined: the layer's own, or none
};

using Replacements = std::unordered_map<const Parameter*, Replacement>;

// Sees the output of a layer as it is computed. Returns whether it keeps that tensor: the pass then goes on
// with a copy, since a later call may write into it.
using Observer = std::function<bool(const std::string& layer, const at::Tensor& output)>;

// How batch-norm normalizes.
enum class Statistics {
  shared,    // with the batch's statistics, which update the running ones
  separate,  // with the batch's, which leave the running ones alone
  frozen,    // with the running ones
};

// How a pass computes, and what it keeps besides the logits; null: not that.
struct ForwardContext {
  Statistics statistics = Statistics::frozen;
  const Replacements* replacements = nullptr;
  // The multiply-adds of each stage for this batch.
  std::vector<double>* multiplyAdds = nullptr;
  // The inputs of the stages that are its keys.
  std::unordered_map<size_t, at::Tensor>* inputs = nullptr;
  // The classifier's input, [N, D].
  at::Tensor* features = nullptr;
  const Observer* observer = nullptr;
  // Whether a layer has met weights that are not finite: from there on, kernels that would hide NaN are not
  // used.
  mutable bool mayBeNan = false;
  // On a GPU, which nothing asks in the middle of a pass: NaN where a kernel that would hide NaN has met such
  // weights, else 0. Undefined: no such kernel ran. It is added to the logits.
  mutable at::Tensor hidden{};
  // What the stages hand on besides the activation.
  mutable std::shared_ptr<void> pass{};

  // A parameter or buffer, or what stands in for it.
  const at::Tensor& weight(const Parameter& parameter) const;
  // The bias of the layer with this weight, whose own is `bias` (null: none).
  std::optional<at::Tensor> bias(const Parameter& weight, const Parameter* bias) const;
  void count(int64_t number) const;
};

using StageFunction = std::function<at::Tensor(at::Tensor, const ForwardContext&)>;

struct Stage {
  std::string name;
  StageFunction run;
};

// A layer whose output channels or output rows are neurons.
struct NeuronLayer {
  std::string name;
  const Parameter* weight;
  const Parameter* bias;  // null: none
  size_t stage;
  bool isShortcut;  // around a residual block's layers
};

struct Distribution;

struct Network {
  // Whether convolutions and matrix products compute in bfloat16, as under torch.autocast; the weights are
  // float32.
  bool isBf16 = false;
  std::deque<Parameter> parameters;  // a deque: layers keep pointers into it
  std::deque<Parameter> buffers;
  // Null where one process trains it.
  std::shared_ptr<Distribution> distribution;
  std::vector<Stage> stages;
  std::vector<NeuronLayer> layers;
  // The layer that classifies penultimate features; empty where there is none.
  std::string head;
  // Layers whose output Grad-CAM can map onto the image, in the order of a forward pass, and which it maps
  // where none is named.
  std::vector<std::string> mappable;
  std::string mappedByDefault;
  // Those of them whose feature maps are [N, H, W, C].
  std::unordered_set<std::string> channelsLast;
  // Rows and columns of a vision transformer's patches.
  std::optional<std::array<int64_t, 2>> patches;

  // The last stage's output, float32, from a stage's input on. Everything that runs a network does it here,
  // in the network's precision.
  at::Tensor forward(size_t stage, at::Tensor activation, const ForwardContext& context) const;
  // The parameter or buffer of that name.
  const Parameter& parameter(const std::string& name) const;
  // The same, or null where there is none.
  const Parameter* find(const std::string& name) const;
  const NeuronLayer& layer(const std::string& name) const;
};

}  // namespace spurmem
