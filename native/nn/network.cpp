#include "network.h"

#include <ATen/autocast_mode.h>

#include <cmath>

#include "../distributed/processGroup.h"
#include "../kernels/narrowOutput.h"
#include "../kernels/weightGradient.h"

namespace spurmem {

namespace {

// torch.nn.BatchNorm2d's.
constexpr double kMomentum = 0.1, kEps = 1e-5;

// torch.nn.init.kaiming_uniform_(weight, a=sqrt(5)), in Python's arithmetic.
double kaimingUniformBound(int64_t fanIn) {
  const double a = std::sqrt(5.0);
  const double gain = std::sqrt(2.0 / (1 + a * a));
  return std::sqrt(3.0) * (gain / std::sqrt(static_cast<double>(fanIn)));
}

// The most values of one parameter: 8 GiB.
constexpr double kMostValues = 1LL << 31;

double biasBound(int64_t fanIn) { return 1 / std::sqrt(static_cast<double>(fanIn)); }

// torch.autocast(device, dtype=torch.bfloat16) in a scope, or nothing for float32. The cache of cast weights
// goes with the scope: kept longer, training would go on with the weights of the step before.
class PrecisionGuard {
 public:
  PrecisionGuard(bool isBf16, at::DeviceType device) : isBf16_(isBf16), device_(device) {
    if (!isBf16_) return;
    at::autocast::set_autocast_dtype(device_, at::kBFloat16);
    at::autocast::set_autocast_enabled(device_, true);
  }

  ~PrecisionGuard() {
    if (!isBf16_) return;
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, false);
  }

  PrecisionGuard(const PrecisionGuard&) = delete;
  PrecisionGuard& operator=(const PrecisionGuard&) = delete;

 private:
  bool isBf16_;
  at::DeviceType device_;
};

}  // namespace

const at::Tensor& ForwardContext::weight(const Parameter& weight) const {
  if (replacements == nullptr) return weight.value;
  const auto replacement = replacements->find(&weight);
  return replacement == replacements->end() ? weight.value : replacement->second.weight;
}

std::optional<at::Tensor> ForwardContext::bias(const Parameter& weight, const Parameter* bias) const {
  if (replacements != nullptr) {
    const auto replacement = replacements->find(&weight);
    if (replacement != replacements->end() && replacement->second.bias.defined()) {
      return replacement->second.bias;
    }
  }
  return bias == nullptr ? std::nullopt : std::optional(bias->value);
}

void ForwardContext::observe(const std::string& layer, const at::Tensor& output) const {
  if (observer != nullptr) (*observer)(layer, output);
}

void ForwardContext::count(int64_t number) const {
  if (multiplyAdds != nullptr) multiplyAdds->back() += static_cast<double>(number);
}

at::Tensor Network::forward(size_t stage, at::Tensor activation, const ForwardContext& context) const {
  const PrecisionGuard precision(isBf16, activation.device().type());
  for (size_t i = stage; i < stages.size(); ++i) {
    if (context.multiplyAdds != nullptr) context.multiplyAdds->push_back(0);
    if (context.inputs != nullptr && context.inputs->count(i) > 0) (*context.inputs)[i] = activation;
    activation = stages[i].run(std::move(activation), context);
  }
  const auto result = activation.to(at::kFloat);
  return context.hidden.defined() ? result + context.hidden : result;
}

const Parameter& Network::parameter(const std::string& name) const {
  const auto* found = find(name);
  TORCH_CHECK(found != nullptr, "the model has no parameter named ", name);
  return *found;
}

const Parameter* Network::find(const std::string& name) const {
  for (const auto* all : {&parameters, &buffers}) {
    for (const auto& parameter : *all) {
      if (parameter.name == name) return &parameter;
    }
  }
  return nullptr;
}

const NeuronLayer& Network::layer(const std::string& name) const {
  for (const auto& layer : layers) {
    if (layer.name == name) return layer;
  }
  TORCH_CHECK(false, "the model has no layer of neurons named ", name);
}

void requireSeveral(const at::Tensor& x) {
  TORCH_CHECK(x.dim() > 1 && x.numel() > x.size(1),
              "Expected more than 1 value per channel when training, got input size ", x.sizes(),
              ": the batch is too small for ", x.sizes().slice(2),
              " px at this layer. Use another batch size, so that no batch has one image.");
}

NetworkBuilder::Layer NetworkBuilder::conv2d(const std::string& name, int64_t in, int64_t out, int64_t kernel,
                                             int64_t stride, int64_t padding, bool hasBias, int64_t groups) {
  const int64_t fanIn = in / groups * kernel * kernel;
  auto& weight = uniform(name + ".weight", {out, in / groups, kernel, kernel}, kaimingUniformBound(fanIn));
  auto* bias = hasBias ? &uniform(name + ".bias", {out}, biasBound(fanIn)) : nullptr;
  return [name, &weight, bias, fanIn, groups, shape = ConvShape{kernel, stride, padding}](
             const at::Tensor& x, const ForwardContext& context) {
    const auto result = convolve(x, context.weight(weight), context.bias(weight, bias), shape, groups);
    context.count(result.numel() * fanIn);
    context.observe(name, result);
    return result;
  };
}

NetworkBuilder::Layer NetworkBuilder::batchNorm2d(const std::string& name, int64_t channels) {
  auto& weight = parameter(name + ".weight", at::ones({channels}));
  auto& bias = parameter(name + ".bias", at::zeros({channels}));
  auto& mean = buffer(name + ".running_mean", at::zeros({channels}));
  auto& var = buffer(name + ".running_var", at::ones({channels}));
  auto& tracked = buffer(name + ".num_batches_tracked", at::zeros({}, at::kLong));
  return [&, &network = network_](const at::Tensor& x, const ForwardContext& context) {
    const bool training = context.statistics != Statistics::frozen;
    if (training) {
      requireSeveral(x);
      if (context.statistics == Statistics::shared) context.weight(tracked).add_(1);
    }
    const bool usesRunning = context.statistics != Statistics::separate;
    const auto runningMean = usesRunning ? context.weight(mean) : at::Tensor();
    const auto runningVar = usesRunning ? context.weight(var) : at::Tensor();
    if (training && network.distribution && network.distribution->synchronizesNorms) {
      return synchronizedNorm(x, context.weight(weight), context.weight(bias), runningMean, runningVar,
                              kMomentum, kEps, *network.distribution->group);
    }
    return at::batch_norm(x, context.weight(weight), context.weight(bias), runningMean, runningVar, training,
                          kMomentum, kEps, /*cudnn_enabled=*/true);
  };
}

NetworkBuilder::Layer NetworkBuilder::linear(const std::string& name, int64_t in, int64_t out) {
  auto& weight = uniform(name + ".weight", {out, in}, kaimingUniformBound(in));
  auto& bias = uniform(name + ".bias", {out}, biasBound(in));
  return [name, &weight, &bias, in](const at::Tensor& x, const ForwardContext& context) {
    auto result = at::linear(x, context.weight(weight), context.bias(weight, &bias));
    context.count(result.numel() * in);
    context.observe(name, result);
    return result;
  };
}

NetworkBuilder::Layer NetworkBuilder::layerNorm(const std::string& name, int64_t channels, double eps) {
  auto& weight = parameter(name + ".weight", at::ones({channels}));
  auto& bias = parameter(name + ".bias", at::zeros({channels}));
  return [name, &weight, &bias, channels, eps](const at::Tensor& x, const ForwardContext& context) {
    auto result = at::layer_norm(x, {channels}, weight.value, bias.value, eps);
    context.observe(name, result);
    return result;
  };
}

void NetworkBuilder::neurons(const std::string& name, bool isShortcut) {
  network_.layers.push_back({name, &network_.parameter(name + ".weight"), network_.find(name + ".bias"),
                             network_.stages.size(), isShortcut});
}

void NetworkBuilder::mappable(const std::string& name, bool isShortcut) {
  network_.mappable.push_back(name);
  if (!isShortcut) network_.mappedByDefault = name;
}

void NetworkBuilder::head(const std::string& name, int64_t features, int64_t numClasses,
                          StageFunction penultimate) {
  network_.head = name;
  const auto classify = linear(name, features, numClasses);
  stage(name, [penultimate, classify](at::Tensor x, const ForwardContext& context) {
    const auto ofBatch = penultimate(std::move(x), context);
    if (context.features != nullptr) *context.features = ofBatch;
    return classify(ofBatch, context);
  });
}

void NetworkBuilder::stage(const std::string& name, StageFunction run) {
  network_.stages.push_back({name, std::move(run)});
}

Parameter& NetworkBuilder::parameter(const std::string& name, at::Tensor value) {
  return network_.parameters.emplace_back(Parameter{name, std::move(value)});
}

Parameter& NetworkBuilder::uniform(const std::string& name, at::IntArrayRef shape, double bound) {
  double values = 1;
  for (const auto size : shape) values *= static_cast<double>(size);
  TORCH_CHECK(values <= kMostValues, name, " would have the shape ", shape, ", which is beyond any memory");
  return parameter(name, at::empty(shape).uniform_(-bound, bound, generator_));
}

Parameter& NetworkBuilder::buffer(const std::string& name, at::Tensor value) {
  return network_.buffers.emplace_back(Parameter{name, std::move(value)});
}

}  // namespace spurmem
