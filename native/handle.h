// A JavaScript object that holds a C++ value.
#pragma once

#include <napi.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "engine.h"

namespace spurmem {

// The base of the addon's classes. Each has a kName, which is its name in JavaScript, and a kTag, by which
// its objects are known.
template <class Class, class Held>
class Handle : public Napi::ObjectWrap<Class> {
 public:
  // A new JavaScript object, of a class whose constructor takes made() alone.
  static Napi::Value wrap(Napi::Env env, Held held) {
    return Environment::of(env).classes.at(Class::kName).New({Napi::External<Held>::New(env, &held)});
  }

  // Throws a TypeError for anything but a `Class`, and for a disposed one.
  static const Held& unwrap(const Napi::Value& value, const std::string& name) {
    if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&Class::kTag)) {
      throw expected(value.Env(), std::string("a ") + Class::kName, name, value);
    }
    return Napi::ObjectWrap<Class>::Unwrap(value.As<Napi::Object>())->held(value.Env());
  }

 protected:
  using Members = std::vector<Napi::ClassPropertyDescriptor<Class>>;

  static void exportClass(Napi::Object exports, Members members) {
    const auto env = exports.Env();
    members.push_back(Napi::ObjectWrap<Class>::InstanceMethod("dispose", &Handle::dispose));
    const auto function = Napi::ObjectWrap<Class>::DefineClass(env, Class::kName, members);
    Environment::of(env).classes[Class::kName] = Napi::Persistent(function);
    exports.Set(Class::kName, function);
  }

  // What wrap() gives a constructor; throws a TypeError where JavaScript calls it.
  static Held made(const Napi::CallbackInfo& info) {
    if (info[0].IsExternal()) return std::move(*info[0].As<Napi::External<Held>>().Data());
    throw Napi::TypeError::New(info.Env(), std::string(Class::kName) + " has no public constructor");
  }

  Handle(const Napi::CallbackInfo& info, Held held) : Napi::ObjectWrap<Class>(info), held_(std::move(held)) {
    info.This().As<Napi::Object>().TypeTag(&Class::kTag);
  }

  const Held& held(Napi::Env env) const {
    if (held_) return *held_;
    throw Napi::TypeError::New(env, std::string("This ") + Class::kName + " was disposed: use it before " +
                                        "dispose(), or before the scope of its `using` ends");
  }

  virtual void release(Napi::Env env) { held_.reset(); }

  std::optional<Held> held_;

 private:
  Napi::Value dispose(const Napi::CallbackInfo& info) {
    release(info.Env());
    return info.Env().Undefined();
  }
};

}  // namespace spurmem
