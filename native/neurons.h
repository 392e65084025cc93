// Neurons of a network: their scores, and variants of the network in which some are perturbed.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "nn/network.h"

namespace spurmem {

// The kind of neuron: an output channel or row with all its weights, or a single weight.
enum class Unit { neuron, weight };

enum class EditKind {
  zero,     // z = 0
  replace,  // z = values
  add,      // z = z + values
  output,   // fixes the neuron's output to a value
};

// A perturbation of neurons of one layer.
struct WeightEdit {
  std::string layer;
  Unit unit = Unit::neuron;
  EditKind kind = EditKind::zero;
  at::Tensor neurons;  // [K] int32: output channels or rows; single weights by row-major index
  // float32, for replace and add: all weights of the first neuron, then of the second, ...; for output, one
  // per neuron
  at::Tensor values;
};

enum class Score {
  weight,           // ||w||_2
  gradient,         // ||g||_2
  gradientXWeight,  // -(g . w), the loss's first-order growth when w becomes 0
};

// Returns one score per neuron, in layer order, [M] float32, from its weights w and their gradients g.
at::Tensor neuronScores(const Network& network, Unit unit, Score score);

// Returns each neuron's output in eval mode, averaged over positions of a feature map or over tokens, and
// summed over a batch's images: [M] float64, in layer order.
at::Tensor outputSums(const Network& network, const at::Tensor& batch);

// The outputs of some neurons for a batch in eval mode, before batch-norm.
struct NeuronOutputs {
  struct Layer {
    at::Tensor outputs;  // [N, K, P] float32, at each position of a feature map or token
    // The last rows * columns positions are parts of the image; 0: unknown.
    int64_t rows, columns;
  };
  std::vector<Layer> layers;  // in the requested order
  // [N, all K]: the highest output, the first position that has it (int32), and the mean over positions
  at::Tensor highest, places, means;
};

// `neurons`: edits of kind zero, one per layer.
NeuronOutputs neuronOutputs(const Network& network, const at::Tensor& batch,
                            const std::vector<WeightEdit>& neurons);

// Grad-CAM (Selvaraju et al. 2017): where in an image a layer's features raise an output.
struct HeatMaps {
  // [N, H, W] at the batch's image size, each scaled to a max of 1 (all 0 if nothing raises the output).
  at::Tensor heat;
  // The layer's own resolution; the maps are enlarged from it.
  int64_t rows, columns;
};

// `layer`: a convolution, or a LayerNorm over channels or over tokens; patch tokens form the map.
HeatMaps gradCam(const Network& network, const at::Tensor& batch, const std::string& layer, int64_t output);

// Returns the edited layers' weights, and biases for fixed outputs. Zeroing multiplies by a mask, m * theta,
// to keep theta's gradient graph.
Replacements applyEdits(const Network& network, const std::vector<WeightEdit>& edits);

// Restricts training to these neurons' weights from now on: no other parameter has a gradient, and theirs is
// masked in the backward pass.
void trainOnly(Network& network, const std::vector<WeightEdit>& neurons);

}  // namespace spurmem
