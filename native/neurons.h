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
  output,   // the neuron gives a value, whatever its inputs
};

// A perturbation of neurons of one layer.
struct WeightEdit {
  std::string layer;
  Unit unit = Unit::neuron;
  EditKind kind = EditKind::zero;
  at::Tensor neurons;  // [K] int32: output channels or rows; single weights by their place in row-major order
  // float32, for replace and add: all weights of the first neuron, then of the second, ...; for output, one a
  // neuron
  at::Tensor values;
};

enum class Score {
  weight,           // ||w||_2
  gradient,         // ||g||_2
  gradientXWeight,  // -(g . w), how much the loss grows where w becomes 0, to first order
};

// One score a neuron, in layer order, [M] float32, of its weights w and their gradients g.
at::Tensor neuronScores(const Network& network, Unit unit, Score score);

// Each neuron's output in eval mode, averaged over the positions of a feature map or over tokens, and summed
// over a batch's images: [M] float64, in layer order.
at::Tensor outputSums(const Network& network, const at::Tensor& batch);

// The outputs of some neurons for a batch in eval mode, before batch-norm.
struct NeuronOutputs {
  struct Layer {
    at::Tensor outputs;  // [N, K, P] float32, at each position of a feature map, or for each token
    // Of the last rows * columns of them, which are parts of the image; 0: not known.
    int64_t rows, columns;
  };
  std::vector<Layer> layers;  // in the requested order
  // [N, all K]: the highest output, the first position that has it (int32), and the mean over positions
  at::Tensor highest, places, means;
};

// `neurons` are edits of kind zero, a layer each.
NeuronOutputs neuronOutputs(const Network& network, const at::Tensor& batch,
                            const std::vector<WeightEdit>& neurons);

// Grad-CAM (Selvaraju et al. 2017): where in an image a layer's features speak for an output.
struct HeatMaps {
  // [N, H, W] at the batch's image size, each scaled to a highest value of 1 (all 0 if nothing speaks for
  // the output).
  at::Tensor heat;
  // The layer's own resolution, from which the maps are enlarged.
  int64_t rows, columns;
};

// `layer` is a convolution, or a LayerNorm over channels or over tokens, of which those of patches form the
// map.
HeatMaps gradCam(const Network& network, const at::Tensor& batch, const std::string& layer, int64_t output);

// The edited layers' weights, and biases where an output is fixed. Zeroing multiplies by a mask, so that it
// keeps theta's gradient graph: m * theta.
Replacements applyEdits(const Network& network, const std::vector<WeightEdit>& edits);

// Trains the weights of these neurons alone from now on: no other parameter has a gradient, and theirs is
// multiplied by a mask in the backward pass.
void trainOnly(Network& network, const std::vector<WeightEdit>& neurons);

}  // namespace spurmem
