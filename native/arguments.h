// Argument checks. TypeScript validates what users pass; these keep a wrong call from becoming a crash, and
// say "Expected X for Y but received Z".
#pragma once

#include <ATen/ATen.h>
#include <napi.h>

#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace spurmem {

inline Napi::TypeError expected(Napi::Env env, const std::string& what, const std::string& name,
                                const Napi::Value& received) {
  const std::string value = received.IsUndefined() ? "undefined" : received.ToString().Utf8Value();
  return Napi::TypeError::New(env, "Expected " + what + " for " + name + " but received " + value);
}

inline bool isGiven(const Napi::Value& value) { return !value.IsUndefined() && !value.IsNull(); }

inline double toNumber(const Napi::Value& value, const std::string& name) {
  if (!value.IsNumber()) throw expected(value.Env(), "a number", name, value);
  return value.As<Napi::Number>().DoubleValue();
}

inline int64_t toInteger(const Napi::Value& value, const std::string& name) {
  const double number = toNumber(value, name);
  if (number != std::floor(number)) throw expected(value.Env(), "an integer", name, value);
  return static_cast<int64_t>(number);
}

inline bool toBoolean(const Napi::Value& value, const std::string& name) {
  if (!value.IsBoolean()) throw expected(value.Env(), "a boolean", name, value);
  return value.As<Napi::Boolean>().Value();
}

inline std::string toString(const Napi::Value& value, const std::string& name) {
  if (!value.IsString()) throw expected(value.Env(), "a string", name, value);
  return value.As<Napi::String>().Utf8Value();
}

inline Napi::Object toObject(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject()) throw expected(value.Env(), "an object", name, value);
  return value.As<Napi::Object>();
}

// What one of some words stands for.
template <class T>
T toChoice(const Napi::Value& value, const std::string& name,
           const std::vector<std::pair<std::string, T>>& choices) {
  const auto word = toString(value, name);
  std::string all;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (choices[i].first == word) return choices[i].second;
    if (i > 0) all += i + 1 < choices.size() ? ", " : " or ";
    all += "'" + choices[i].first + "'";
  }
  throw expected(value.Env(), all, name, value);
}

template <class T>
std::vector<T> toVector(const Napi::Value& value, const std::string& name,
                        T (*convert)(const Napi::Value&, const std::string&)) {
  if (!value.IsArray()) throw expected(value.Env(), "an array", name, value);
  const auto array = value.As<Napi::Array>();
  std::vector<T> values;
  values.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) values.push_back(convert(array.Get(i), name));
  return values;
}

inline std::vector<int64_t> toIntegers(const Napi::Value& value, const std::string& name) {
  return toVector(value, name, toInteger);
}

// As many numbers as `what` names.
template <size_t count>
std::array<double, count> toNumbers(const Napi::Value& value, const std::string& name,
                                    const std::string& what) {
  const auto values = toVector(value, name, toNumber);
  if (values.size() != count) throw expected(value.Env(), what, name, value);
  std::array<double, count> result;
  std::copy(values.begin(), values.end(), result.begin());
  return result;
}

inline at::Device toDevice(const Napi::Value& value) { return at::Device(toString(value, "device")); }

inline at::MemoryFormat toMemoryFormat(const Napi::Value& value) {
  return toChoice<at::MemoryFormat>(
      value, "memoryFormat",
      {{"channels_last", at::MemoryFormat::ChannelsLast}, {"contiguous", at::MemoryFormat::Contiguous}});
}

}  // namespace spurmem
