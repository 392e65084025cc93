// Neurons of a network: their l2 norms, masks that remove them, and perturbing them in place.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "nn/network.h"

namespace spurmem {

// Output channels of one layer.
struct ChannelSelection {
  std::string layer;
  std::vector<int32_t> channels;
};

// One norm a neuron, in layer order, [M] float32: of its weights, or of their gradients.
at::Tensor neuronNorms(const Network& network, bool ofGradients);

// Masks that zero the selected channels; each broadcasts over its layer's weight as [channels, 1, ...].
Masks makeMasks(const Network& network, const std::vector<ChannelSelection>& selections);

// Weights as they were before a perturbation, to be put back.
using SavedWeights = std::vector<std::pair<Parameter*, at::Tensor>>;

// Zeroes the selected channels' weights in place and returns the affected weights' former values.
SavedWeights zeroInPlace(Network& network, const std::vector<ChannelSelection>& selections);
void restoreInPlace(const SavedWeights& saved);

}  // namespace spurmem
