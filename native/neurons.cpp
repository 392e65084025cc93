#include "neurons.h"

#include <torch/csrc/autograd/autograd.h>

#include <unordered_map>

#include "device/accelerator.h"
#include "device/streams.h"

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
  const bool ofOutputs = edit.kind == EditKind::output;
  TORCH_CHECK(ofNeurons || !ofOutputs, "a single weight of ", edit.layer, " has no output");
  const auto wanted = edit.neurons.numel() * (ofOutputs ? 1 : weight.numel() / count);
  TORCH_CHECK(edit.values.numel() == wanted, "an edit of ", edit.layer, " needs ", wanted, " values, not ",
              edit.values.numel());
}

// A dense tensor's values in the order of its memory. Not by put_, which has no deterministic form.
at::Tensor inMemory(const at::Tensor& tensor) { return tensor.as_strided({tensor.numel()}, {1}); }

// Converts positions in row-major order to positions in memory.
at::Tensor placesInMemory(const at::Tensor& tensor, const at::Tensor& index) {
  if (tensor.is_contiguous()) return index;
  auto rest = index;
  auto places = at::zeros_like(index);
  for (int64_t dim = tensor.dim() - 1; dim >= 0; --dim) {
    places += rest.remainder(tensor.size(dim)) * tensor.stride(dim);
    rest = rest.div(tensor.size(dim), "floor");
  }
  return places;
}

at::Tensor zeroed(const at::Tensor& weight, Unit unit, const at::Tensor& index) {
  if (unit == Unit::weight) {
    const auto kept = at::ones_like(weight.detach());
    inMemory(kept).index_fill_(0, placesInMemory(kept, index), 0);
    return weight * kept;
  }
  std::vector<int64_t> shape(weight.dim(), 1);
  shape[0] = weight.size(0);
  return weight * at::ones({weight.size(0)}, weight.options()).index_fill_(0, index, 0).view(shape);
}

at::Tensor edited(const at::Tensor& weight, const WeightEdit& edit, const at::Tensor& index) {
  if (edit.kind == EditKind::zero || edit.kind == EditKind::output) return zeroed(weight, edit.unit, index);
  const auto values = sendTo(weight.device(), edit.values);
  auto result = weight.detach().clone();
  const bool adds = edit.kind == EditKind::add;
  if (edit.unit == Unit::weight) {
    const auto places = placesInMemory(result, index);
    adds ? inMemory(result).index_add_(0, places, values) : inMemory(result).index_copy_(0, places, values);
    return result;
  }
  auto shape = weight.sizes().vec();
  shape[0] = index.numel();
  return adds ? result.index_add_(0, index, values.view(shape))
              : result.index_copy_(0, index, values.view(shape));
}

// Without weights, a neuron gives its bias.
Replacement edited(const Replacement& layer, const WeightEdit& edit) {
  const auto index = sendTo(layer.weight.device(), edit.neurons).to(at::kLong);
  Replacement result{edited(layer.weight, edit, index), layer.bias};
  if (edit.kind == EditKind::output) {
    const auto bias =
        layer.bias.defined() ? layer.bias : at::zeros({layer.weight.size(0)}, layer.weight.options());
    result.bias = bias.index_copy(0, index, sendTo(bias.device(), edit.values));
  }
  return result;
}

// The sum over `images` images of a layer's mean output over positions, [C] float64: of a convolution's
// [N, C, H, W], or a linear layer's [..., C], whose rows may be tokens, windows or pixels.
at::Tensor sumOfMeans(const at::Tensor& output, bool isConvolution, int64_t images) {
  if (isConvolution) return output.mean({2, 3}, false, at::kFloat).sum({0}, false, at::kDouble);
  const auto rows = output.reshape({images, -1, output.size(-1)});
  return rows.mean({1}, false, at::kFloat).sum({0}, false, at::kDouble);
}

// Maximum number of tokens besides the patches': the class and registers.
constexpr int64_t kMaxOtherTokens = 8;

// Returns some neurons' part of a layer's output for `images` images.
NeuronOutputs::Layer outputsOf(const at::Tensor& output, const at::Tensor& index, bool isConvolution,
                               int64_t images, const Network& network) {
  const bool ofImages = output.size(0) == images;
  if (isConvolution) {
    TORCH_CHECK(ofImages, "a convolution gave ", output.sizes(), " for ", images, " images");
    const auto chosen = output.index_select(1, index).to(at::kFloat);
    return {chosen.flatten(2).contiguous(), output.size(2), output.size(3)};
  }
  const auto rows = output.reshape({images, -1, output.size(-1)});
  const auto chosen = rows.index_select(2, index).to(at::kFloat).transpose(1, 2).contiguous();
  if (ofImages && output.dim() == 2) return {chosen, 1, 1};
  if (ofImages && output.dim() == 4) return {chosen, output.size(1), output.size(2)};
  if (!ofImages || output.dim() != 3 || !network.patches) return {chosen, 0, 0};
  const auto [down, across] = *network.patches;
  const auto others = output.size(1) - down * across;
  const bool isOfPatches = others >= 0 && others <= kMaxOtherTokens;
  return {chosen, isOfPatches ? down : 0, isOfPatches ? across : 0};
}

at::Tensor norms(const at::Tensor& values, Unit unit) {
  return unit == Unit::neuron ? at::linalg_vector_norm(values.flatten(1), 2, at::IntArrayRef{1})
                              : values.abs().flatten();
}

at::Tensor products(const at::Tensor& gradient, const at::Tensor& weight, Unit unit) {
  const auto product = (gradient * weight).neg();
  return unit == Unit::neuron ? product.flatten(1).sum(1) : product.flatten();
}

// A layer's feature map [N, C, H, W] in float32; of a transformer's tokens [N, T, C], of which the patches
// are the last, that of the patches.
at::Tensor asFeatureMap(const at::Tensor& values, const Network& network, const std::string& layer) {
  if (values.dim() == 4) {
    return (network.mappable.at(layer) ? values.permute({0, 3, 1, 2}) : values).to(at::kFloat);
  }
  TORCH_CHECK(network.patches && values.dim() == 3, "a layer gave ", values.sizes(),
              ", which is no map: is the batch [N, 3, H, W]?");
  const auto [rows, columns] = *network.patches;
  const auto first = values.size(1) - rows * columns;
  TORCH_CHECK(first >= 0, "a layer gave ", values.sizes(), " for patches of ", rows, " x ", columns);
  const auto tokens = values.slice(1, first).transpose(1, 2).to(at::kFloat);
  return tokens.reshape({tokens.size(0), tokens.size(1), rows, columns});
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

at::Tensor outputSums(const Network& network, const at::Tensor& batch) {
  at::NoGradGuard noGrad;
  std::vector<at::Tensor> sums(network.layers.size());
  const Observer observer = [&](const std::string& name, const at::Tensor& output) {
    for (size_t i = 0; i < sums.size(); ++i) {
      const auto& layer = network.layers[i];
      if (layer.name == name) sums[i] = sumOfMeans(output, layer.weight->value.dim() == 4, batch.size(0));
    }
    return false;
  };
  ForwardContext context;
  context.observer = &observer;
  network.forward(0, batch, context);
  return at::cat(sums);
}

NeuronOutputs neuronOutputs(const Network& network, const at::Tensor& batch,
                            const std::vector<WeightEdit>& neurons) {
  at::NoGradGuard noGrad;
  std::unordered_map<std::string, NeuronOutputs::Layer> found;
  for (const auto& edit : neurons) check(edit, network.layer(edit.layer).weight->value);
  const Observer observer = [&](const std::string& name, const at::Tensor& output) {
    for (const auto& edit : neurons) {
      if (edit.layer != name) continue;
      const auto index = sendTo(output.device(), edit.neurons).to(at::kLong);
      const bool isConvolution = network.layer(name).weight->value.dim() == 4;
      found[name] = outputsOf(output, index, isConvolution, batch.size(0), network);
    }
    return false;
  };
  ForwardContext context;
  context.observer = &observer;
  network.forward(0, batch, context);
  NeuronOutputs result;
  std::vector<at::Tensor> highest, places, means;
  for (const auto& edit : neurons) {
    const auto& layer = result.layers.emplace_back(found.at(edit.layer));
    highest.push_back(layer.outputs.amax(2));
    places.push_back(layer.outputs.argmax(2).to(at::kInt));
    means.push_back(layer.outputs.mean(2));
  }
  result.highest = at::cat(highest, 1);
  result.places = at::cat(places, 1);
  result.means = at::cat(means, 1);
  return result;
}

HeatMaps gradCam(const Network& network, const at::Tensor& batch, const std::string& layer, int64_t output) {
  TORCH_CHECK(network.mappable.count(layer) > 0, "the model has no layer named ", layer,
              " whose output can be mapped: name a convolution, or a LayerNorm of a vision transformer");
  at::Tensor observed;
  const Observer observer = [&](const std::string& name, const at::Tensor& values) {
    if (name == layer) observed = values;
    return name == layer;
  };
  ForwardContext context;
  context.observer = &observer;
  at::Tensor gradient;
  {
    at::AutoGradMode withGraph(true);
    const auto logits = network.forward(0, batch, context);
    TORCH_CHECK(output >= 0 && output < logits.size(1), "the model has ", logits.size(1),
                " outputs, and none is numbered ", output);
    gradient = torch::autograd::grad({logits.select(1, output).sum()}, {observed})[0];
  }
  at::NoGradGuard noGrad;
  const auto features = asFeatureMap(observed, network, layer);
  const auto weights = asFeatureMap(gradient, network, layer).mean({2, 3}, /*keepdim=*/true);
  const auto map = (features * weights).sum(1, /*keepdim=*/true).relu();
  const auto heat = at::upsample_bilinear2d(map, batch.sizes().slice(2), /*align_corners=*/false).squeeze(1);
  const auto highest = heat.amax({1, 2}, /*keepdim=*/true);
  return {heat / highest.where(highest > 0, at::ones_like(highest)), map.size(2), map.size(3)};
}

Replacements applyEdits(const Network& network, const std::vector<WeightEdit>& edits) {
  Replacements replacements;
  for (const auto& edit : edits) {
    const auto& layer = network.layer(edit.layer);
    check(edit, layer.weight->value);
    const auto own =
        Replacement{layer.weight->value, layer.bias == nullptr ? at::Tensor() : layer.bias->value};
    const auto [replaced, isFirst] = replacements.try_emplace(layer.weight, own);
    replaced->second = edited(replaced->second, edit);
  }
  return replacements;
}

void trainOnly(Network& network, const std::vector<WeightEdit>& neurons) {
  for (const auto& edit : neurons) check(edit, network.layer(edit.layer).weight->value);
  for (const auto& parameter : network.parameters) parameter.value.set_requires_grad(false);
  for (const auto& edit : neurons) {
    const auto& weight = network.layer(edit.layer).weight->value;
    const auto index = sendTo(weight.device(), edit.neurons).to(at::kLong);
    const auto all = at::ones_like(weight);
    const auto mask = all - zeroed(all, edit.unit, index);
    weight.set_requires_grad(true);
    weight.register_hook([mask](const at::Tensor& gradient) { return gradient * mask; });
  }
}

}  // namespace spurmem
