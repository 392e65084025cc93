// The JavaScript Tensor, and conversions between C++ and JavaScript values. A Tensor is a handle on a
// libtorch tensor; JavaScript disposes it, because the garbage collector cannot see its memory.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <napi.h>

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "device/streams.h"

namespace spurmem {

// Tensors by name, like a state_dict.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// Return the tensor behind a JavaScript Tensor, or the tensors of an object of them. Throw a TypeError for
// anything else and for disposed Tensors.
at::Tensor toTensor(const Napi::Value& value, const std::string& name);
NamedTensors toNamedTensors(const Napi::Value& value, const std::string& name);

// Returns a copy of a typed array, [its length], so that JavaScript may reuse the array while a lane reads.
// Accepts any of Tensor's dtypes, or one.
at::Tensor fromTypedArray(const Napi::Value& value, const std::string& name);
at::Tensor fromTypedArray(const Napi::Value& value, at::ScalarType type, const std::string& name);
// Returns a contiguous CPU tensor as the typed array of its dtype.
Napi::Value toTypedArray(Napi::Env env, const at::Tensor& tensor);

// Returns contiguous copies on the CPU, for files.
NamedTensors copiesOf(const NamedTensors& tensors);

// Returns detached views of the tensors.
NamedTensors viewsOf(const NamedTensors& tensors);

// Copies every value into the target with its name. Throws without writing if a value has no target or a
// different shape.
void copyInto(const NamedTensors& targets, const NamedTensors& values);

inline Napi::Value toJavaScript(Napi::Env, const Napi::Value& value) { return value; }
template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
Napi::Value toJavaScript(Napi::Env env, T value) {
  if constexpr (std::is_same_v<T, bool>) return Napi::Boolean::New(env, value);
  return Napi::Number::New(env, static_cast<double>(value));
}
inline Napi::Value toJavaScript(Napi::Env env, const std::string& text) {
  return Napi::String::New(env, text);
}
// Returns a new JavaScript Tensor.
Napi::Value toJavaScript(Napi::Env env, const at::Tensor& tensor);
Napi::Value toJavaScript(Napi::Env env, const NamedTensors& tensors);
Napi::Value toJavaScript(Napi::Env env, const Values& values);
Napi::Value toJavaScript(Napi::Env env, const Number& number);

// Returns null for nullopt.
template <class T>
Napi::Value toJavaScript(Napi::Env env, const std::optional<T>& value) {
  return value ? toJavaScript(env, *value) : env.Null();
}

template <class Range>
Napi::Value arrayOf(Napi::Env env, const Range& range) {
  auto array = Napi::Array::New(env, range.size());
  uint32_t i = 0;
  for (const auto& item : range) array[i++] = toJavaScript(env, item);
  return array;
}

template <class T>
Napi::Value toJavaScript(Napi::Env env, const std::vector<T>& items) {
  return arrayOf(env, items);
}

template <class T, class... Rest>
void setFields(Napi::Object object, const char* name, const T& value, const Rest&... rest) {
  object.Set(name, toJavaScript(object.Env(), value));
  if constexpr (sizeof...(rest) > 0) setFields(object, rest...);
}

// Makes an object of alternating names and values.
template <class... Fields>
Napi::Object objectOf(Napi::Env env, const Fields&... fields) {
  auto object = Napi::Object::New(env);
  setFields(object, fields...);
  return object;
}

}  // namespace spurmem
