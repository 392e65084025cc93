// The description of a network, as a JavaScript object. src/native/addon.ts has its type.
#pragma once

#include <napi.h>

#include "nn/network.h"

namespace spurmem {

Napi::Object describe(Napi::Env env, const Network& network);

}  // namespace spurmem
