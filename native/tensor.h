// The JavaScript Tensor, and C++ values as JavaScript's. A Tensor is a handle on a libtorch tensor that
// JavaScript disposes, because the garbage collector cannot see the memory behind it.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <napi.h>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "device/streams.h"

namespace spurmem {

// Tensors by name, as a state_dict has them.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// The tensor behind a JavaScript Tensor, and the tensors of an object of them. All throw a TypeError for
// anything else, and for a disposed one.
at::Tensor toTensor(const Napi::Value& value, const std::string& name);
NamedTensors toNamedTensors(const Napi::Value& value, const std::string& name);

// A copy of a typed array, [its length], so that JavaScript may reuse it while a lane reads: of any of
// Tensor's dtypes, or of one.
at::Tensor fromTypedArray(const Napi::Value& value, const std::string& name);
at::Tensor fromTypedArray(const Napi::Value& value, at::ScalarType type, const std::string& name);
// A contiguous tensor on the CPU as the typed array of its dtype.
Napi::Value toTypedArray(Napi::Env env, const at::Tensor& tensor);

// Contiguous copies on the CPU, as files hold them.
NamedTensors copiesOf(const NamedTensors& tensors);

// The same tensors outside of any graph: they share memory.
NamedTensors viewsOf(const NamedTensors& tensors);

// Copies every value into the target of its name. Throws, and writes nothing, if a value has no target or
// another shape.
void copyInto(const NamedTensors& targets, const NamedTensors& values);

inline Napi::Value toJavaScript(Napi::Env env, double number) { return Napi::Number::New(env, number); }
inline Napi::Value toJavaScript(Napi::Env env, const std::string& text) {
  return Napi::String::New(env, text);
}
// A new JavaScript Tensor.
Napi::Value toJavaScript(Napi::Env env, const at::Tensor& tensor);
Napi::Value toJavaScript(Napi::Env env, const NamedTensors& tensors);
Napi::Value toJavaScript(Napi::Env env, const Values& values);
Napi::Value toJavaScript(Napi::Env env, const Number& number);

template <class Range>
Napi::Value arrayOf(Napi::Env env, const Range& range) {
  auto array = Napi::Array::New(env, range.size());
  uint32_t i = 0;
  for (const auto& item : range) array[i++] = toJavaScript(env, item);
  return array;
}

inline Napi::Object objectOf(Napi::Env env,
                             std::initializer_list<std::pair<const char*, Napi::Value>> fields) {
  auto object = Napi::Object::New(env);
  for (const auto& [name, value] : fields) object.Set(name, value);
  return object;
}

}  // namespace spurmem
