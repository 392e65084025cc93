// Grad-CAM (Selvaraju et al. 2017): where in an image a layer's features speak for an output.
#pragma once

#include <ATen/ATen.h>

#include <string>

#include "nn/network.h"

namespace spurmem {

struct HeatMaps {
  // [N, H, W] at the batch's image size, each scaled so that its highest value is 1 (all 0 where nothing
  // speaks for the output).
  at::Tensor heat;
  // The layer's own resolution, from which the maps are enlarged.
  int64_t rows, columns;
};

// `layer` is a convolution, or a LayerNorm over channels or over tokens, of which those of patches form the
// map.
HeatMaps gradCam(const Network& network, const at::Tensor& batch, const std::string& layer, int64_t output);

}  // namespace spurmem
