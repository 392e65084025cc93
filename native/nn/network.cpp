#include "network.h"

#include <ATen/autocast_mode.h>

namespace spurmem {

namespace {

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

}  // namespace spurmem
