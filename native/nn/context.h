// How one forward pass computes.
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace spurmem {

struct Parameter {
  std::string name;
  at::Tensor value;
};

// A tensor that a variant of the network uses instead of its own parameter.
struct Replacement {
  at::Tensor weight;
  at::Tensor bias;  // of the layer with this weight; undefined: the layer's own, or none
};

using Replacements = std::unordered_map<const Parameter*, Replacement>;

// Receives the output of a layer when it is computed. Returns whether it keeps that tensor: the pass then
// continues with a copy, because a later call may write into it.
using Observer = std::function<bool(const std::string& layer, const at::Tensor& output)>;

// How batch-norm normalizes.
enum class Statistics {
  shared,    // with the batch's statistics, which update the running ones
  separate,  // with the batch's, which leave the running ones alone
  frozen,    // with the running ones
};

// Options of a pass. Pointers to outputs other than the logits are null if unwanted.
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
  // Whether a layer has had weights that are not finite: later layers avoid kernels that would hide NaN.
  mutable bool mayBeNan = false;
  // On a GPU, where nothing waits in the middle of a pass: NaN if a kernel that would hide NaN had such
  // weights, else 0; undefined if no such kernel ran. Added to the logits.
  mutable at::Tensor hidden{};

  bool isTraining() const { return statistics != Statistics::frozen; }
  // Returns a parameter or buffer, or its replacement.
  const at::Tensor& weight(const Parameter& parameter) const;
  // Returns the bias of the layer with this weight; `bias` is its own (null: none).
  std::optional<at::Tensor> bias(const Parameter& weight, const Parameter* bias) const;
};

}  // namespace spurmem
