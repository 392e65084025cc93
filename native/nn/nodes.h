// The calls of a plan, prepared: operators from the dispatcher, arguments as their schemas want them,
// everything checked once.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>
#include <string>
#include <vector>

#include "../kernels/convolution.h"
#include "context.h"
#include "plan.h"

namespace spurmem {

// Values of one tensor: 8 GiB. A view may claim any number without memory.
constexpr int64_t kMaxValues = int64_t{1} << 31;

struct Argument {
  c10::IValue constant;
  // Nothing: as in training.
  std::optional<c10::IValue> inEvaluation;
  enum class Kind { constant, value, tensors, optionalTensors, integers } kind = Kind::constant;
  std::vector<int64_t> values, numbers;
};

// Which storage a value may alias: none but its own, a buffer, or a parameter, a constant or the images.
enum class Owner { none, buffer, borrowed };

struct Node {
  std::optional<c10::OperatorHandle> operation;
  // The computation of a size from one or two others, in the place of an operator.
  int64_t (*ofSizes)(int64_t, int64_t) = nullptr;
  std::string layer;
  std::vector<Argument> arguments;
  std::vector<PlannedResult> results;
  std::vector<int64_t> frees;  // values that nothing takes afterwards
  bool inEvaluation = true, isCount = false, isNorm = false, isHead = false;
  // Whether it returns memory that nobody has written.
  bool isEmpty = false;
  // Whether it is attention without a mask, dropout or scale of its own.
  bool isPlainAttention = false;
  // The storage that its results may alias.
  Owner owner = Owner::none;
  // The value that stands for its result when it is left out.
  int64_t alias = -1;
  // A dtype argument's place, and the value whose dtype it is.
  int64_t dtype = -1, typeOf = -1;
  // The parameters of a convolution or linear layer, whose bias a variant may replace.
  const Parameter* weight = nullptr;
  const Parameter* bias = nullptr;
  // Given for a convolution whose kernel, stride and padding are square, and that is not dilated.
  std::optional<ConvShape> square;
  int64_t group = -1;
};

// An operator of ATen that a plan may call.
struct PlanOperator {
  std::string name;  // `conv2d`, or with an overload `conv2d.padding`
  // Whether its results may alias its arguments, and whether it writes to them.
  bool aliases, writes;
};

// Forward computations of tensors from tensors. None opens a file, prints, waits, draws from a generator that
// is given, makes views by strides, or takes another tensor's storage; nothing that begins with an
// underscore, no backward operator, and none with an output argument.
const std::vector<PlanOperator>& planOperators();

// Prepares calls one after the other, and knows the values that are made so far.
class Nodes {
 public:
  Nodes(int64_t values, at::Device device) : made_(values), owners_(values), device_(device) {}

  // Adds a value that no call makes. Throws if there is none of that number, or it is made already.
  void give(int64_t value, Owner owner);
  // Throws for an operator that is not on the list, and for an argument that it does not take.
  Node make(const PlannedNode& planned);
  // Returns the value; throws if it is not made yet.
  int64_t known(int64_t value) const;

 private:
  Argument argument(const PlannedArgument& given, const c10::Argument& wanted) const;
  Argument argumentOf(const PlannedNode& planned, const c10::Argument& wanted, bool mayWrite) const;
  void addArguments(Node& node, const PlannedNode& planned) const;

  std::vector<bool> made_;
  std::vector<Owner> owners_;
  at::Device device_;
};

}  // namespace spurmem
