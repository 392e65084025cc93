#include "gradcam.h"

#include <torch/csrc/autograd/autograd.h>

namespace spurmem {

namespace {

// Patch tokens [N, 1 + T, C] as a feature map [N, C, gridHeight, T / gridHeight].
at::Tensor asFeatureMap(const at::Tensor& values, int64_t gridHeight) {
  if (values.dim() == 4) return values;
  const auto patches = values.slice(1, 1).transpose(1, 2);
  return patches.reshape({patches.size(0), patches.size(1), gridHeight, -1});
}

}  // namespace

HeatMaps gradCam(const Network& network, const at::Tensor& batch, const std::string& layer, int64_t output,
                 int64_t gridHeight) {
  Observation observation{layer, {}};
  ForwardContext context;
  context.observation = &observation;
  at::Tensor gradient;
  {
    at::AutoGradMode withGraph(true);
    const auto logits = network.forwardFrom(0, batch, context);
    TORCH_CHECK(observation.output.defined(), "the model has no layer named ", layer,
                " whose output can be observed: name a convolution, or a LayerNorm of a vision transformer");
    TORCH_CHECK(output >= 0 && output < logits.size(1), "the model has ", logits.size(1),
                " outputs, and none is numbered ", output);
    gradient = torch::autograd::grad({logits.select(1, output).sum()}, {observation.output})[0];
  }
  at::NoGradGuard noGrad;
  const auto features = asFeatureMap(observation.output, gridHeight);
  const auto weights = asFeatureMap(gradient, gridHeight).mean({2, 3}, /*keepdim=*/true);
  const auto map = (features * weights).sum(1, /*keepdim=*/true).relu();
  const auto heat = at::upsample_bilinear2d(map, batch.sizes().slice(2), /*align_corners=*/false).squeeze(1);
  const auto highest = heat.amax({1, 2}, /*keepdim=*/true);
  return {heat / highest.where(highest > 0, at::ones_like(highest)), map.size(2), map.size(3)};
}

}  // namespace spurmem
