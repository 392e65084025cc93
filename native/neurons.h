// Neurons of a network: their l2 norms, and variants of the network in which some are perturbed.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <string>
#include <vector>

#include "namedTensors.h"
#include "nn/network.h"

namespace spurmem {

// What a neuron is: an output channel or row with all its weights, or a single weight.
enum class Unit { neuron, weight };

enum class EditKind {
  zero,     // z = 0
  replace,  // z = values
  add,      // z = z + values
};

// A perturbation of neurons of one layer.
struct WeightEdit {
  std::string layer;
  Unit unit = Unit::neuron;
  EditKind kind = EditKind::zero;
  at::Tensor neurons;  // [K] int32: output channels or rows; single weights by their place in row-major order
  at::Tensor
      values;  // [...] float32, for replace and add: all weights of the first neuron, then of the second, ...
};

// One norm a neuron, in layer order, [M] float32: of its weights, or of their gradients.
at::Tensor neuronNorms(const Network& network, Unit unit, bool ofGradients);

// The edited layers' weights. Zeroing multiplies by a mask, so that it keeps theta's gradient graph: m *
// theta.
Replacements applyEdits(const Network& network, const std::vector<WeightEdit>& edits);

// For each layer of neurons uint8, 1 where a single weight is at least as large as the ceil(share * M) + 1
// smallest of all M: a mask that prunes that share of them.
NamedTensors magnitudeMasks(const Network& network, double share);

// Adds the masked layers' weights to the replacements, as zeroing does.
void applyMasks(const Network& network, const NamedTensors& masks, Replacements& replacements);

// A network of nothing but copies of all batch-norms' parameters and buffers, under their names.
std::shared_ptr<Network> copyNorms(const Network& network);

// Adds such copies to the replacements.
void applyNorms(const Network& network, const Network& norms, Replacements& replacements);

}  // namespace spurmem
