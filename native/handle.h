// A JavaScript object that holds a C++ value.
#pragma once

#include <napi.h>

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "exports.h"

namespace spurmem {

// The base of the addon's classes. Each has a kName, its name in JavaScript, and a kTag, which identifies its
// objects.
template <class Class, class Held>
class Handle : public Napi::ObjectWrap<Class> {
 public:
  // Returns a new JavaScript object of a class whose constructor takes only made().
  static Napi::Value wrap(Napi::Env env, Held held) {
    const Making scope(held);
    return Environment::of(env).classes.at(Class::kName).New({});
  }

  // Throws TypeError unless `value` is a live `Class`. Returns a copy, because a later getter may dispose the
  // object.
  static Held unwrap(const Napi::Value& value, const std::string& name) {
    return self(value, name)->held(value.Env());
  }

 protected:
  struct Member {
    const char* signature;
    napi_callback method, getter;
  };

  // Describes a method by its signature, such as `backward(scale)`.
  template <Napi::Value (Class::*function)(const Napi::CallbackInfo&)>
  static Member method(const char* signature) {
    return {signature, &call<function>, nullptr};
  }

  template <Napi::Value (Class::*getter)(const Napi::CallbackInfo&)>
  static Member accessor(const char* name) {
    return {name, nullptr, &call<getter>};
  }

  static void exportClass(Napi::Object exports, std::vector<Member> members) {
    const auto env = exports.Env();
    members.push_back({"dispose()", &callDispose, nullptr});
    std::deque<std::string> names;  // a deque: the descriptors point into it
    std::vector<Napi::ClassPropertyDescriptor<Class>> descriptors;
    for (const auto& [signature, method, getter] : members) {
      const auto& name = names.emplace_back(nameOf(signature));
      descriptors.push_back(napi_property_descriptor{name.c_str(), nullptr, method, getter, nullptr, nullptr,
                                                     napi_default, dataOf(signature)});
    }
    const auto function = Napi::ObjectWrap<Class>::DefineClass(env, Class::kName, descriptors);
    Environment::of(env).classes[Class::kName] = Napi::Persistent(function);
    exports.Set(Class::kName, function);
  }

  // Returns the argument from wrap() to a constructor; throws a TypeError if JavaScript called the
  // constructor.
  static Held made(const Napi::CallbackInfo& info) {
    if (auto* held = std::exchange(making, nullptr)) return std::move(*held);
    throw Napi::TypeError::New(info.Env(), std::string(Class::kName) + " has no public constructor");
  }

  Handle(const Napi::CallbackInfo& info, Held held) : Napi::ObjectWrap<Class>(info), held_(std::move(held)) {
    info.This().As<Napi::Object>().TypeTag(&Class::kTag);
  }

  Held held(Napi::Env env) const {
    if (held_) return *held_;
    throw Napi::TypeError::New(env, std::string("This ") + Class::kName + " was disposed: use it before " +
                                        "dispose(), or before the scope of its `using` ends");
  }

  virtual void release(Napi::Env env) { held_.reset(); }

  std::optional<Held> held_;

 private:
  // The value for the constructor that wrap() is calling; that call may throw before it takes the value.
  inline static thread_local Held* making = nullptr;
  struct Making {
    explicit Making(Held& held) { making = &held; }
    ~Making() { making = nullptr; }
  };

  // Node checks the receiver of methods only, and unwraps any receiver of a getter.
  static Class* self(const Napi::Value& value, const std::string& name) {
    if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&Class::kTag)) {
      throw expected(value.Env(), std::string("a ") + Class::kName, name, value);
    }
    return Napi::ObjectWrap<Class>::Unwrap(value.As<Napi::Object>());
  }

  template <Napi::Value (Class::*member)(const Napi::CallbackInfo&)>
  static napi_value call(napi_env env, napi_callback_info raw) {
    return answer(env, raw,
                  [](const Napi::CallbackInfo& info) { return (self(info.This(), "this")->*member)(info); });
  }

  static napi_value callDispose(napi_env env, napi_callback_info raw) {
    return answer(env, raw, [](const Napi::CallbackInfo& info) {
      static_cast<Handle*>(self(info.This(), "this"))->release(info.Env());
      return info.Env().Undefined();
    });
  }
};

}  // namespace spurmem
