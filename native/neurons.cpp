#include "neurons.h"

namespace spurmem {

at::Tensor neuronNorms(const Network& network, bool ofGradients) {
  at::NoGradGuard noGrad;
  std::vector<at::Tensor> norms;
  norms.reserve(network.layers.size());
  for (const auto& layer : network.layers) {
    const auto& weight = layer.weight->value;
    const auto values = ofGradients ? weight.grad() : weight;
    TORCH_CHECK(values.defined(), layer.name,
                " has no gradient: run forward with gradients and backward before asking for gradient norms");
    norms.push_back(at::linalg_vector_norm(values.flatten(1), 2, at::IntArrayRef{1}));
  }
  return at::cat(norms);
}

Masks makeMasks(const Network& network, const std::vector<ChannelSelection>& selections) {
  Masks masks;
  for (const auto& selection : selections) {
    const auto& layer = network.layer(selection.layer);
    const auto& weight = layer.weight->value;
    std::vector<float> values(weight.size(0), 1.0F);
    for (const auto channel : selection.channels) {
      TORCH_CHECK(channel >= 0 && channel < weight.size(0), selection.layer, " has ", weight.size(0),
                  " channels, and none is numbered ", channel);
      values[channel] = 0.0F;
    }
    std::vector<int64_t> shape(weight.dim(), 1);
    shape[0] = weight.size(0);
    auto mask = at::tensor(values).view(shape).to(weight.device());
    const auto [entry, isNew] = masks.emplace(layer.weight, mask);
    if (!isNew) entry->second = entry->second * mask;
  }
  return masks;
}

SavedWeights zeroInPlace(Network& network, const std::vector<ChannelSelection>& selections) {
  at::NoGradGuard noGrad;
  SavedWeights saved;
  for (const auto& [parameter, mask] : makeMasks(network, selections)) {
    auto* owned = const_cast<Parameter*>(parameter);
    saved.emplace_back(owned, owned->value.detach().clone());
    owned->value.mul_(mask);
  }
  return saved;
}

void restoreInPlace(const SavedWeights& saved) {
  at::NoGradGuard noGrad;
  for (const auto& [parameter, value] : saved) parameter->value.copy_(value);
}

}  // namespace spurmem
