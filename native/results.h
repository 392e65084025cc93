// C++ values as JavaScript's.
#pragma once

#include <ATen/ATen.h>
#include <napi.h>

#include <initializer_list>
#include <string>
#include <utility>

namespace spurmem {

inline Napi::Value toJavaScript(Napi::Env env, double number) { return Napi::Number::New(env, number); }
inline Napi::Value toJavaScript(Napi::Env env, const std::string& text) {
  return Napi::String::New(env, text);
}
// A new JavaScript Tensor.
Napi::Value toJavaScript(Napi::Env env, const at::Tensor& tensor);

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
