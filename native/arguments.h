// Argument checks. TypeScript validates users' options; these turn a wrong call into an error, "Expected X
// for Y but received Z", instead of a crash.
#pragma once

#include <ATen/ATen.h>
#include <napi.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "device/accelerator.h"
#include "device/streams.h"

namespace spurmem {

class Network;
class ProcessGroup;
struct Plan;

// Return the values behind the addon's objects (toTensor is in tensor.h). Throw a TypeError for anything else
// and for disposed objects.
at::Generator toGenerator(const Napi::Value& value, const std::string& name);
std::shared_ptr<Network> toNetwork(const Napi::Value& value, const std::string& name);
std::shared_ptr<ProcessGroup> toProcessGroup(const Napi::Value& value, const std::string& name);
// `constants`: their values by name; default: none.
Plan toPlan(const Napi::Value& value, const Napi::Value& constants);

// Returns a value for a message: short, and without running the value's own code.
inline std::string shown(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
    case napi_boolean:
    case napi_number:
      return value.ToString().Utf8Value();
    case napi_string: {
      constexpr size_t kMax = 60;
      const auto text = value.As<Napi::String>().Utf8Value();
      return text.size() > kMax ? "a string of " + std::to_string(text.size()) + " bytes" : text;
    }
    case napi_bigint:
      return "a bigint";
    case napi_symbol:
      return "a symbol";
    case napi_function:
      return "a function";
    default:
      break;
  }
  if (value.IsArray()) return "an array of " + std::to_string(value.As<Napi::Array>().Length());
  if (value.IsTypedArray()) {
    return "a typed array of " + std::to_string(value.As<Napi::TypedArray>().ElementLength());
  }
  return "an object";
}

inline std::string expectation(const std::string& what, const std::string& name,
                               const Napi::Value& received) {
  return "Expected " + what + " for " + name + " but received " + shown(received);
}

inline Napi::TypeError expected(Napi::Env env, const std::string& what, const std::string& name,
                                const Napi::Value& received) {
  return Napi::TypeError::New(env, expectation(what, name, received));
}

inline bool isGiven(const Napi::Value& value) { return !value.IsUndefined() && !value.IsNull(); }

inline double toNumber(const Napi::Value& value, const std::string& name) {
  if (!value.IsNumber()) throw expected(value.Env(), "a number", name, value);
  return value.As<Napi::Number>().DoubleValue();
}

// An integer from `least` to `most`; by default any that a double holds exactly.
inline int64_t toInteger(const Napi::Value& value, const std::string& name, int64_t least, int64_t most) {
  const double number = toNumber(value, name);
  if (number != std::floor(number)) throw expected(value.Env(), "an integer", name, value);
  if (number < static_cast<double>(least) || number > static_cast<double>(most)) {
    const auto range = "an integer from " + std::to_string(least) + " to " + std::to_string(most);
    throw Napi::RangeError::New(value.Env(), expectation(range, name, value));
  }
  return static_cast<int64_t>(number);
}

inline int64_t toInteger(const Napi::Value& value, const std::string& name) {
  constexpr int64_t kMax = (int64_t{1} << 53) - 1;
  return toInteger(value, name, -kMax, kMax);
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

// Returns the value of one of several words.
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
  for (uint32_t i = 0; i < array.Length(); ++i) values.push_back(convert(array.Get(i), name));
  return values;
}

inline std::vector<int64_t> toIntegers(const Napi::Value& value, const std::string& name) {
  return toVector<int64_t>(value, name, toInteger);
}

// The fields of an object; fields with `otherwise` are optional.
class Fields {
 public:
  Fields(const Napi::Value& value, const std::string& name) : object_(toObject(value, name)) {}

  Napi::Value operator[](const char* name) const { return object_.Get(name); }
  bool has(const char* name) const { return isGiven((*this)[name]); }
  double number(const char* name) const { return toNumber((*this)[name], name); }
  int64_t integer(const char* name) const { return toInteger((*this)[name], name); }
  int64_t integer(const char* name, int64_t otherwise) const { return has(name) ? integer(name) : otherwise; }
  bool flag(const char* name) const { return toBoolean((*this)[name], name); }
  bool flag(const char* name, bool otherwise) const { return has(name) ? flag(name) : otherwise; }
  std::string text(const char* name) const { return toString((*this)[name], name); }
  std::string text(const char* name, const std::string& otherwise) const {
    return has(name) ? text(name) : otherwise;
  }

 private:
  Napi::Object object_;
};

// Returns exactly `count` numbers, which `what` describes.
template <size_t count>
std::array<double, count> toNumbers(const Napi::Value& value, const std::string& name,
                                    const std::string& what) {
  const auto values = toVector(value, name, toNumber);
  if (values.size() != count) throw expected(value.Env(), what, name, value);
  std::array<double, count> result{};
  std::copy(values.begin(), values.end(), result.begin());
  return result;
}

// Returns a device, ready for computation.
inline at::Device toDevice(const Napi::Value& value) {
  const auto device = deviceNamed(toString(value, "device"));
  if (!device) throw expected(value.Env(), deviceNames(), "device", value);
  openDevice(*device);
  return *device;
}

inline at::MemoryFormat toMemoryFormat(const Napi::Value& value) {
  return toChoice<at::MemoryFormat>(
      value, "memoryFormat",
      {{"channels_last", at::MemoryFormat::ChannelsLast}, {"contiguous", at::MemoryFormat::Contiguous}});
}

}  // namespace spurmem
