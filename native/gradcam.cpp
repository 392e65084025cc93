#include "gradcam.h"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

namespace spurmem {

namespace {

// A layer's feature map [N, C, H, W] in float32; of a transformer's tokens [N, T, C], of which the patches
// are the last, that of the patches.
at::Tensor asFeatureMap(const at::Tensor& values, const Network& network, const std::string& layer) {
  if (values.dim() == 4) {
    const bool isLast = network.channelsLast.count(layer) > 0;
    return (isLast ? values.permute({0, 3, 1, 2}) : values).to(at::kFloat);
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

HeatMaps gradCam(const Network& network, const at::Tensor& batch, const std::string& layer, int64_t output) {
  const auto& mappable = network.mappable;
  TORCH_CHECK(std::find(mappable.begin(), mappable.end(), layer) != mappable.end(),
              "the model has no layer named ", layer,
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

}  // namespace spurmem
