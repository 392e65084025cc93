#include "neurons.h"

namespace spurmem {

namespace {

void check(const WeightEdit& edit, const at::Tensor& weight) {
  const bool ofNeurons = edit.unit == Unit::neuron;
  const int64_t count = ofNeurons ? weight.size(0) : weight.numel();
  const auto* neurons = edit.neurons.const_data_ptr<int32_t>();
  for (int64_t i = 0; i < edit.neurons.numel(); ++i) {
    TORCH_CHECK(neurons[i] >= 0 && neurons[i] < count, edit.layer, " has ", count,
                ofNeurons ? " neurons" : " weights", ", and none is numbered ", neurons[i]);
  }
  if (edit.kind == EditKind::zero) return;
  const auto wanted = edit.neurons.numel() * (weight.numel() / count);
  TORCH_CHECK(edit.values.numel() == wanted, "an edit of ", edit.layer, " needs ", wanted, " values, not ",
              edit.values.numel());
}

at::Tensor zeroed(const at::Tensor& weight, Unit unit, const at::Tensor& index) {
  if (unit == Unit::weight) {
    return weight * at::ones_like(weight.detach()).put_(index, at::zeros_like(index, weight.options()));
  }
  std::vector<int64_t> shape(weight.dim(), 1);
  shape[0] = weight.size(0);
  return weight * at::ones({weight.size(0)}, weight.options()).index_fill_(0, index, 0).view(shape);
}

at::Tensor edited(const at::Tensor& weight, const WeightEdit& edit) {
  const auto index = edit.neurons.to(weight.device(), at::kLong);
  if (edit.kind == EditKind::zero) return zeroed(weight, edit.unit, index);
  const auto values = edit.values.to(weight.device());
  auto result = weight.detach().clone();
  const bool adds = edit.kind == EditKind::add;
  if (edit.unit == Unit::weight) return result.put_(index, values, adds);
  auto shape = weight.sizes().vec();
  shape[0] = index.numel();
  return adds ? result.index_add_(0, index, values.view(shape))
              : result.index_copy_(0, index, values.view(shape));
}

at::Tensor norms(const at::Tensor& values, Unit unit) {
  return unit == Unit::neuron ? at::linalg_vector_norm(values.flatten(1), 2, at::IntArrayRef{1})
                              : values.abs().flatten();
}

at::Tensor products(const at::Tensor& gradient, const at::Tensor& weight, Unit unit) {
  const auto product = (gradient * weight).neg();
  return unit == Unit::neuron ? product.flatten(1).sum(1) : product.flatten();
}

}  // namespace

at::Tensor neuronScores(const Network& network, Unit unit, Score score) {
  at::NoGradGuard noGrad;
  std::vector<at::Tensor> scores;
  scores.reserve(network.layers.size());
  for (const auto& layer : network.layers) {
    const auto& weight = layer.weight->value;
    const auto& gradient = weight.grad();
    TORCH_CHECK(
        score == Score::weight || gradient.defined(), layer.name,
        " has no gradient: run forward with gradients and backward before asking for scores of gradients");
    scores.push_back(score == Score::gradientXWeight
                         ? products(gradient, weight, unit)
                         : norms(score == Score::weight ? weight : gradient, unit));
  }
  return at::cat(scores);
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
