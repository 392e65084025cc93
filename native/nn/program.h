// A network of a plan: calls of libtorch's operators over numbered values, made once and then walked without
// looking anything up.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "network.h"

namespace spurmem {

// An argument as it is given: src/native/addon.ts describes all of this.
struct PlannedArgument {
  std::string name, kind, text;
  std::vector<double> numbers;
  std::vector<int64_t> values;
};

struct PlannedResult {
  bool isList;
  std::vector<int64_t> values;
};

struct PlannedNode {
  std::string target, layer;
  std::vector<PlannedArgument> arguments, evaluation;
  std::vector<PlannedResult> results;
  bool inEvaluation = true, isCount = false;
  int64_t alias = -1, typeOf = -1;
};

struct PlannedInput {
  std::string kind, name;
  int64_t value;
  std::vector<int64_t> shape;
  int64_t dtype;
  at::Tensor constant;
};

// A step of the initial values, which are zero before the first.
struct PlannedDraw {
  enum class Kind {
    constant,         // all are `scale`
    uniform,          // from -scale to scale
    normal,           // of the standard deviation `scale`
    truncatedNormal,  // the same, cut at -2 and 2
  };
  std::string name;
  Kind kind;
  double scale;
};

struct PlannedStage {
  std::string name;
  int64_t begin, end, input, output;
  std::vector<int64_t> prelude;
};

struct PlannedLayer {
  std::string name, weight, bias;  // of parameters; an empty bias: none
  int64_t stage;
  bool isShortcut;
};

// A convolution and what follows it alone; -1: not that.
struct PlannedGroup {
  int64_t convolution, norm, sum, relu;
};

struct PlannedMap {
  std::string name;
  bool isChannelsLast;
};

struct ProgramPlan {
  int64_t values;
  std::vector<PlannedInput> inputs;
  std::vector<PlannedDraw> initial;
  std::vector<int64_t> batchSizes;
  std::vector<PlannedNode> nodes;
  std::vector<PlannedStage> stages;
  std::vector<PlannedLayer> layers;
  std::vector<PlannedGroup> groups;
  std::vector<PlannedMap> mappable;
  // An empty head: none.
  std::string head, mappedByDefault;
  int64_t headNode = -1;
  std::optional<std::array<int64_t, 2>> patches;
};

// A network of a plan, with the plan's initial weights. Throws where the plan calls an operator that is not
// on the list, gives one what it does not take, or takes a value that is not made before.
std::unique_ptr<Network> makeProgram(const ProgramPlan& plan, at::Device device, at::Generator generator);

}  // namespace spurmem
