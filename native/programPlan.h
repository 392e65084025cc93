// Plans of networks, as src/native/addon.ts describes them, and the operators that they may call.
#pragma once

#include <napi.h>

#include <string>

#include "nn/program.h"

namespace spurmem {

// Throws a TypeError for anything else.
ProgramPlan toProgramPlan(const Napi::Value& value, const std::string& name);

// [{name, aliases, writes}]
Napi::Value programOperators(const Napi::CallbackInfo& info);

}  // namespace spurmem
