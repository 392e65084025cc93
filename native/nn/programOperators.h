// The operators of ATen that a plan may call.
#pragma once

#include <string>
#include <vector>

namespace spurmem {

struct ProgramOperator {
  // `conv2d`, or with an overload `conv2d.padding`.
  std::string name;
  // Whether what it gives may lie in the memory of what it takes, and whether it writes there.
  bool aliases, writes;
};

// Forward computations of tensors from tensors. None opens a file, prints, waits, draws from a generator that
// is given, makes views by strides, or takes another tensor's storage; nothing that begins with an
// underscore, no backward operator, and none with an output argument.
const std::vector<ProgramOperator>& programOperators();

// Null where the list has no such name.
const ProgramOperator* findProgramOperator(const std::string& name);

}  // namespace spurmem
