#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>

namespace spurmem {

// An operator that not every libtorch has, if it takes as many arguments as the calls here give it; none
// where the variable SPURMEM_FUSION is `off`, as in a libtorch that lacks it: what it does is computed step
// by step then.
std::optional<c10::OperatorHandle> findOperator(const char* name, size_t arguments,
                                                const char* overload = "");

// By the operator's schema: its C++ types differ between versions of libtorch.
c10::IValue callOperator(const c10::OperatorHandle& operation, torch::jit::Stack arguments);

bool isFusionOff();

}  // namespace spurmem
