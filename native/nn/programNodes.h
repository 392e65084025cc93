// The calls of a plan as they are made: operators from the dispatcher, arguments as their
// schemas want them, everything checked once.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>
#include <string>
#include <vector>

#include "../kernels/narrowOutput.h"
#include "program.h"

namespace spurmem {

// Of one tensor: 8 GiB. A view may claim any number without memory.
constexpr int64_t kMostValues = int64_t{1} << 31;

struct ProgramArgument {
  c10::IValue constant;
  // None: as in training.
  std::optional<c10::IValue> inEvaluation;
  enum class Kind { constant, value, tensors, optionalTensors, integers } kind = Kind::constant;
  std::vector<int64_t> values, numbers;
};

enum class Symbolic { none, add, sub, mul, floordiv, mod, neg };

// In whose memory a value may lie: a buffer's, or that of a parameter, a constant or the images.
enum class Owner { none, buffer, given };

struct ProgramNode {
  std::optional<c10::OperatorHandle> operation;
  Symbolic symbolic = Symbolic::none;
  std::string layer;
  std::vector<ProgramArgument> arguments;
  std::vector<PlannedResult> results;
  std::vector<int64_t> frees;  // the values that nothing takes afterwards
  bool inEvaluation = true, isCount = false, isNorm = false, isHead = false;
  // Whether it gives memory that nobody has written.
  bool isEmpty = false;
  // Whether it is attention without a mask, dropout or scale of its own.
  bool isPlainAttention = false;
  // What its results may lie in the memory of.
  Owner owner = Owner::none;
  // The value that its result is where it is left out.
  int64_t alias = -1;
  // A dtype argument's place, and the value whose dtype it is.
  int64_t dtype = -1, typeOf = -1;
  // Of a layer of neurons or the head, whose bias a variant may replace.
  const Parameter* weight = nullptr;
  const Parameter* bias = nullptr;
  // Of a convolution whose kernel, stride and padding are square, and that is not dilated.
  std::optional<ConvShape> square;
  int64_t group = -1;

  // The place of its argument of that name. Throws where it has none.
  int64_t place(const char* name) const;
};

// Makes calls one after the other, and knows the values that are made so far.
class ProgramNodes {
 public:
  ProgramNodes(int64_t values, at::Device device) : made_(values), owners_(values), device_(device) {}

  // Makes a value without a call. Throws where there is none of that number, or it is made already.
  void give(int64_t value, Owner owner);
  // Throws for an operator that is not on the list, and for an argument that it does not take.
  ProgramNode make(const PlannedNode& planned);
  // The value; throws where it is not made yet.
  int64_t known(int64_t value) const;

 private:
  ProgramArgument argument(const PlannedArgument& given, const c10::Argument& wanted) const;
  ProgramArgument argumentOf(const PlannedNode& planned, const c10::Argument& wanted, bool mayWrite) const;
  void addArguments(ProgramNode& node, const PlannedNode& planned) const;

  std::vector<bool> made_;
  std::vector<Owner> owners_;
  at::Device device_;
};

}  // namespace spurmem
