// A network: a plan's calls, prepared once and then run without look-ups. It can start at any stage, and run
// with perturbed neurons without changing its weights.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "../kernels/convNorm.h"
#include "context.h"
#include "nodes.h"
#include "plan.h"

namespace spurmem {

struct Distribution;

// A layer whose output channels or output rows are neurons.
struct NeuronLayer {
  std::string name;
  const Parameter* weight;
  const Parameter* bias;  // null: none
};

class Network {
 public:
  // Starts with the plan's initial weights. Throws for an operator that is not on the list, a wrong argument,
  // or a value used before it is computed.
  Network(const Plan& plan, at::Device device, const at::Generator& generator);
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // Returns the last stage's output, float32, given a stage's input; computes in the network's precision.
  at::Tensor forward(size_t stage, at::Tensor activation, const ForwardContext& context) const;
  // Returns the parameter or buffer of that name.
  const Parameter& parameter(const std::string& name) const;
  const NeuronLayer& layer(const std::string& name) const;
  // Whether a call uses it.
  bool isUsed(const Parameter& parameter) const;
  size_t countStages() const { return stages_.size(); }

  // Whether convolutions and matrix products compute in bfloat16, as under torch.autocast; the weights are
  // float32.
  bool isBf16 = false;
  std::deque<Parameter> parameters;  // a deque: layers keep pointers into it
  std::deque<Parameter> buffers;
  // Null if one process trains it.
  std::shared_ptr<Distribution> distribution;
  std::vector<NeuronLayer> layers;
  // Layers that Grad-CAM can map onto the image; true if the output is [N, H, W, C].
  std::unordered_map<std::string, bool> mappable;
  // Rows and columns of a vision transformer's patches.
  std::optional<std::array<int64_t, 2>> patches;

 private:
  struct Source {
    int64_t value;
    const Parameter* parameter;  // null: a constant
    at::Tensor constant;
  };
  // Calls that one kernel may run in evaluation.
  struct Group {
    ConvNorm layer;
    int64_t last, images, residual, result;
    bool relu;
  };
  // The values of one pass, and the groups that run as one kernel in it.
  struct Pass {
    std::vector<c10::IValue> values;
    std::vector<bool> fused;
  };

  void addSources(const Plan& plan, Nodes& nodes, at::Device device);
  void addNodes(const Plan& plan, Nodes& nodes);
  void addLayers(const Plan& plan);
  void addGroups(const Plan& plan);
  void planFrees();
  const Parameter* find(const std::string& name) const;
  // Returns the parameter or buffer at that argument position of a call; null: none.
  const Parameter* given(const Node& node, size_t place) const;
  void seedPass() const;
  Pass begin(const at::Tensor& activation, const ForwardContext& context) const;
  void step(const Node& node, Pass& pass, const ForwardContext& context, torch::jit::Stack& stack) const;
  void call(const Node& node, torch::jit::Stack& stack, const ForwardContext& context) const;
  void keep(const Node& node, torch::jit::Stack& stack, Pass& pass, const ForwardContext& context) const;
  void runGroup(const Group& group, Pass& pass, const ForwardContext& context) const;

  std::vector<Source> sources_;
  std::vector<int64_t> batchSizes_;
  std::vector<Node> nodes_;
  std::vector<Group> groups_;
  std::vector<PlannedStage> stages_;
  int64_t values_;
  // Counts the training passes that drew random numbers; null if none is drawn.
  const Parameter* passes_ = nullptr;
  uint64_t seed_;
  // Cached: reading the count from a GPU in each step would block.
  mutable at::Tensor counted_;
  mutable int64_t countedVersion_ = 0, passesBefore_ = 0;
};

}  // namespace spurmem
