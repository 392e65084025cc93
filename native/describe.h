// What networks and architectures are, as JavaScript objects. src/native/addon.ts has their types.
#pragma once

#include <napi.h>

#include "nn/architectures.h"
#include "nn/network.h"

namespace spurmem {

Napi::Object describe(Napi::Env env, const Network& network);
// Each architecture's family and options, by its name.
Napi::Object describeArchitectures(Napi::Env env);

}  // namespace spurmem
