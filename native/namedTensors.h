// Tensors by name, as a state_dict has them.
#pragma once

#include <ATen/ATen.h>
#include <napi.h>

#include <string>
#include <utility>
#include <vector>

namespace spurmem {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// From a JavaScript object of Tensors, and back.
NamedTensors toNamedTensors(const Napi::Value& value, const std::string& name);
Napi::Value toJavaScript(Napi::Env env, const NamedTensors& tensors);

// Contiguous copies on the CPU, as files hold them.
NamedTensors copiesOf(const NamedTensors& tensors);

// The same tensors, outside of any graph: they share memory with these.
NamedTensors viewsOf(const NamedTensors& tensors);

// Copies every value into the target of its name. Nothing is written where a value has no target or another
// shape; throws then.
void copyInto(const NamedTensors& targets, const NamedTensors& values);

}  // namespace spurmem
