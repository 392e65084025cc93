// A network as a list of named stages over parameters with PyTorch's names. It can run from any stage on, and
// with some neurons masked, without changing its weights.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace spurmem {

struct Parameter {
  std::string name;
  at::Tensor value;
};

// The weights that a variant of the network uses instead of its own.
using Replacements = std::unordered_map<const Parameter*, at::Tensor>;

// The output of one layer, kept as it is computed.
struct Observation {
  std::string layer;
  at::Tensor output;
};

struct ForwardContext {
  // Batch-norm normalizes with the batch's statistics, as train() does, and not with the running ones.
  bool training = false;
  const Replacements* replacements = nullptr;
  // Where layers add the multiply-adds of the batch they see; null: not counted.
  double* multiplyAdds = nullptr;
  // Whether training updates the running statistics.
  bool updatesStatistics = true;
  // Convolutions and LayerNorms look whether they are the one; null: none is.
  Observation* observation = nullptr;

  const at::Tensor& weight(const Parameter& parameter) const;
  void observe(const std::string& layer, const at::Tensor& output) const;
};

struct Stage {
  std::string name;
  std::function<at::Tensor(at::Tensor, const ForwardContext&)> run;
};

// A layer whose output channels or output rows are neurons.
struct NeuronLayer {
  std::string name;
  Parameter* weight;
  size_t stage;
};

struct Network {
  // Whether convolutions and matrix products compute in bfloat16, as under torch.autocast; the weights are
  // float32.
  bool isBf16 = false;
  std::deque<Parameter> parameters;  // a deque: layers keep pointers into it
  std::deque<Parameter> buffers;
  std::vector<Stage> stages;
  std::vector<NeuronLayer> layers;
  // The last stage in two: penultimate features [N, D], and their logits [N, numClasses].
  std::function<at::Tensor(at::Tensor, const ForwardContext&)> penultimate, classify;

  at::Tensor forwardFrom(size_t stage, at::Tensor activation, const ForwardContext& context) const;
  const NeuronLayer& layer(const std::string& name) const;
};

// Makes layers and registers their parameters, in the order of the calls. Random initial values are drawn as
// PyTorch's constructors draw them, so that a seed gives the same network.
class NetworkBuilder {
 public:
  using Layer = std::function<at::Tensor(const at::Tensor&, const ForwardContext&)>;

  NetworkBuilder(Network& network, at::Generator generator) : network_(network), generator_(generator) {}

  // torch.nn.Conv2d with a square kernel.
  Layer conv2d(const std::string& name, int64_t in, int64_t out, int64_t kernel, int64_t stride,
               int64_t padding, bool hasBias = false);
  // torch.nn.BatchNorm2d with its defaults.
  Layer batchNorm2d(const std::string& name, int64_t channels);
  // torch.nn.Linear.
  Layer linear(const std::string& name, int64_t in, int64_t out);
  // torch.nn.LayerNorm over the last dimension.
  Layer layerNorm(const std::string& name, int64_t channels, double eps);
  // Makes the layer of that name one whose outputs are neurons, run by the stage that is registered next.
  void neurons(const std::string& name);
  Parameter& parameter(const std::string& name, at::Tensor value);
  // The parameter or buffer of that name.
  const Parameter& registered(const std::string& name) const;
  // Registers the last stage: penultimate features of the activation, and the layer that classifies them.
  void head(const std::string& name, std::function<at::Tensor(at::Tensor, const ForwardContext&)> penultimate,
            Layer classify);
  void stage(const std::string& name, std::function<at::Tensor(at::Tensor, const ForwardContext&)> run);

 private:
  Parameter& buffer(const std::string& name, at::Tensor value);

  Network& network_;
  at::Generator generator_;
};

}  // namespace spurmem
