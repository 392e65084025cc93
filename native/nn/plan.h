// A network planned by TypeScript: calls of libtorch's operators on numbered values. src/native/plan.ts
// describes all of this.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace spurmem {

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
  int64_t alias = -1, typeOf = -1;  // -1: none
};

struct PlannedInput {
  enum class Kind { parameter, buffer, constant } kind;
  std::string name;
  int64_t value;
  std::vector<int64_t> shape;
  int64_t dtype;
  at::Tensor constant{};
};

// A step of the initialization; values start at zero.
struct PlannedDraw {
  enum class Kind {
    constant,         // all are `scale`
    uniform,          // from -scale to scale
    normal,           // with the standard deviation `scale`
    truncatedNormal,  // normal, cut at -2 and 2
  };
  std::string name;
  Kind kind;
  double scale;
};

struct PlannedStage {
  int64_t begin, end, input, output;
  std::vector<int64_t> prelude;
};

struct PlannedLayer {
  std::string name, weight, bias;  // an empty bias: none
};

// A convolution and the only operators that use its output; -1: none.
struct PlannedGroup {
  int64_t convolution, norm, sum, relu;
};

struct PlannedMap {
  std::string name;
  bool isChannelsLast;
};

struct Plan {
  int64_t values;
  std::vector<PlannedInput> inputs;
  std::vector<PlannedDraw> initial;
  std::vector<int64_t> batchSizes;
  std::vector<PlannedNode> nodes;
  std::vector<PlannedStage> stages;
  std::vector<PlannedLayer> layers;
  std::vector<PlannedGroup> groups;
  std::vector<PlannedMap> mappable;
  int64_t head = -1;  // the node that gives the logits; -1: none
  std::optional<std::array<int64_t, 2>> patches;
};

}  // namespace spurmem
