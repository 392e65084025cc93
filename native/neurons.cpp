#include "neurons.h"

namespace spurmem {

namespace {

// Indexes that address the edit's neurons: rows by number, single weights by their coordinates.
at::Tensor rowIndex(const WeightEdit& edit, const at::Tensor& weight) {
  return at::tensor(std::vector<int64_t>(edit.neurons.begin(), edit.neurons.end()), at::kLong)
      .to(weight.device());
}

c10::List<std::optional<at::Tensor>> coordinates(const at::Tensor& index, at::IntArrayRef sizes) {
  std::vector<at::Tensor> places(sizes.size());
  auto rest = index;
  for (size_t i = sizes.size(); i-- > 0;) {
    places[i] = rest.remainder(sizes[i]);
    rest = rest.floor_divide(sizes[i]);
  }
  c10::List<std::optional<at::Tensor>> result;
  for (const auto& place : places) result.push_back(place);
  return result;
}

void check(const WeightEdit& edit, const at::Tensor& weight) {
  const int64_t count = edit.unit == Unit::neuron ? weight.size(0) : weight.numel();
  for (const auto neuron : edit.neurons) {
    TORCH_CHECK(neuron >= 0 && neuron < count, edit.layer, " has ", count,
                edit.unit == Unit::neuron ? " neurons" : " weights", ", and none is numbered ", neuron);
  }
  const int64_t size = edit.unit == Unit::neuron ? weight.numel() / weight.size(0) : 1;
  const auto wanted = edit.kind == EditKind::zero ? 0 : size * static_cast<int64_t>(edit.neurons.size());
  TORCH_CHECK(static_cast<int64_t>(edit.values.size()) == wanted, "an edit of ", edit.layer, " needs ",
              wanted, " values, not ", edit.values.size());
}

at::Tensor zeroed(const at::Tensor& weight, const WeightEdit& edit) {
  const auto index = rowIndex(edit, weight);
  if (edit.unit == Unit::weight) {
    auto mask = at::ones_like(weight.detach());
    mask.index_put_(coordinates(index, weight.sizes()), at::zeros({}, weight.options()));
    return weight * mask;
  }
  std::vector<int64_t> shape(weight.dim(), 1);
  shape[0] = weight.size(0);
  return weight * at::ones({weight.size(0)}, weight.options()).index_fill_(0, index, 0).view(shape);
}

at::Tensor edited(const at::Tensor& weight, const WeightEdit& edit) {
  if (edit.kind == EditKind::zero) return zeroed(weight, edit);
  const auto index = rowIndex(edit, weight);
  auto values = at::tensor(edit.values).to(weight.device());
  auto result = weight.detach().clone();
  const bool adds = edit.kind == EditKind::add;
  if (edit.unit == Unit::weight) {
    result.index_put_(coordinates(index, weight.sizes()), values, adds);
    return result;
  }
  auto shape = weight.sizes().vec();
  shape[0] = static_cast<int64_t>(edit.neurons.size());
  values = values.view(shape);
  return adds ? result.index_add_(0, index, values) : result.index_copy_(0, index, values);
}

}  // namespace

at::Tensor neuronNorms(const Network& network, Unit unit, bool ofGradients) {
  at::NoGradGuard noGrad;
  std::vector<at::Tensor> norms;
  norms.reserve(network.layers.size());
  for (const auto& layer : network.layers) {
    const auto& weight = layer.weight->value;
    const auto values = ofGradients ? weight.grad() : weight;
    TORCH_CHECK(values.defined(), layer.name,
                " has no gradient: run forward with gradients and backward before asking for gradient norms");
    norms.push_back(unit == Unit::neuron ? at::linalg_vector_norm(values.flatten(1), 2, at::IntArrayRef{1})
                                         : values.abs().flatten());
  }
  return at::cat(norms);
}

Replacements applyEdits(const Network& network, const std::vector<WeightEdit>& edits) {
  Replacements replacements;
  for (const auto& edit : edits) {
    const auto* parameter = network.layer(edit.layer).weight;
    check(edit, parameter->value);
    const auto earlier = replacements.find(parameter);
    const auto& weight = earlier == replacements.end() ? parameter->value : earlier->second;
    replacements.insert_or_assign(parameter, edited(weight, edit));
  }
  return replacements;
}

}  // namespace spurmem
