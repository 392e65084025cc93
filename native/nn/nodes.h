// The prepared calls of a plan: operators from the dispatcher, arguments converted to their schemas,
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

// Max values of one tensor: 8 GiB. A view can claim any number without memory.
constexpr int64_t kMaxValues = int64_t{1} << 31;

struct Argument {
  c10::IValue constant;
  // The value in evaluation; nullopt: as in training.
  std::optional<c10::IValue> inEvaluation;
  enum class Kind { constant, value, tensors, optionalTensors, integers } kind = Kind::constant;
  std::vector<int64_t> values, numbers;
};

// Which storage a value may alias: its own only, a buffer, or a parameter, a constant or the images.
enum class Owner { none, buffer, borrowed };

struct Node {
  std::optional<c10::OperatorHandle> operation;
  // Computes a size from one or two others, instead of an operator.
  int64_t (*ofSizes)(int64_t, int64_t) = nullptr;
  std::string layer;
  std::vector<Argument> arguments;
  std::vector<PlannedResult> results;
  std::vector<int64_t> frees;  // values without later uses
  bool inEvaluation = true, isCount = false, isNorm = false, isHead = false;
  // Whether it returns uninitialized memory.
  bool isEmpty = false;
  // Whether it is attention, and whether without its own mask, dropout or scale.
  bool isAttention = false, isPlainAttention = false;
  // The storage that its results may alias.
  Owner owner = Owner::none;
  // The value that replaces its result if the call is left out.
  int64_t alias = -1;
  // The position of a dtype argument, and the value whose dtype it takes.
  int64_t dtype = -1, typeOf = -1;
  // The parameters of a convolution or linear layer; a variant may replace its bias.
  const Parameter* weight = nullptr;
  const Parameter* bias = nullptr;
  // Set for an undilated convolution with square kernel, stride and padding.
  std::optional<ConvShape> square;
  int64_t group = -1;
};

// An operator of ATen that a plan may call.
struct PlanOperator {
  std::string name;  // `conv2d`, or with an overload `conv2d.padding`
  // Whether its results may alias its arguments, and whether it writes to them.
  bool aliases, writes;
};

// Forward computations of tensors from tensors. None opens a file, prints, waits, draws from a given
// generator, makes views by strides, or takes another tensor's storage. The list has no operator that begins
// with an underscore, no backward operator, and none with an output argument.
const std::vector<PlanOperator>& planOperators();

// Prepares calls in order, and tracks the values made so far.
class Nodes {
 public:
  Nodes(int64_t values, at::Device device) : made_(values), owners_(values), device_(device) {}

  // Adds a value that no call makes. Throws for an unknown number, or a value that is made already.
  void give(int64_t value, Owner owner);
  // Prepares a call. Throws for an operator that is not on the list, or an invalid argument.
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
