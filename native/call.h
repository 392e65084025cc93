// A call from JavaScript: whatever is thrown in it becomes a JavaScript error in words.
#pragma once

#include <napi.h>

#include <string>
#include <utility>

#include "engine.h"

namespace spurmem {

// The call at work on this thread, such as `matmul(a, b)`: what libtorch says of its arguments names none.
inline thread_local const char* callAtWork = "";

class NamedCall {
 public:
  explicit NamedCall(const char* signature) : outer_(std::exchange(callAtWork, signature)) {}
  ~NamedCall() { callAtWork = outer_; }
  NamedCall(const NamedCall&) = delete;
  NamedCall& operator=(const NamedCall&) = delete;

 private:
  const char* outer_;
};

// The Error with the code NATIVE_FAILED.
inline Napi::Error nativeError(Napi::Env env, const std::string& message, const char* call) {
  // A shape of a million dimensions is part of a message, too.
  constexpr size_t kMost = 2000;
  const auto shown = message.size() > kMost ? message.substr(0, kMost) + "..." : message;
  auto error = Napi::Error::New(env, shown + " (in " + call + ")");
  error.Value().Set("code", "NATIVE_FAILED");
  return error;
}

// Runs what throws libtorch's exceptions, and throws JavaScript's.
template <class Callable>
auto inWords(Napi::Env env, const char* call, Callable callable) {
  const NamedCall named(call);
  try {
    return callable();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw nativeError(env, currentErrorMessage(), call);
  }
}

// Answers a call of the Node-API, where no exception may pass.
template <class Callable>
napi_value answer(napi_env env, napi_callback_info raw, Callable callable) noexcept {
  try {
    const Napi::CallbackInfo info(env, raw);
    return inWords(env, static_cast<const char*>(info.Data()),
                   [&]() -> napi_value { return callable(info); });
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
    return nullptr;
  }
}

// The name in a signature.
inline std::string nameOf(const char* signature) {
  const std::string text = signature;
  return text.substr(0, text.find('('));
}

// The signature, such as `matmul(a, b)`, must live as long as the process.
inline void* dataOf(const char* signature) { return const_cast<char*>(signature); }

template <Napi::Value (*function)(const Napi::CallbackInfo&)>
void exportFunction(Napi::Object exports, const char* signature) {
  const napi_callback callback = [](napi_env env, napi_callback_info raw) {
    return answer(env, raw, [](const Napi::CallbackInfo& info) { return function(info); });
  };
  const auto name = nameOf(signature);
  napi_value made = nullptr;
  const auto status =
      napi_create_function(exports.Env(), name.c_str(), name.size(), callback, dataOf(signature), &made);
  if (status != napi_ok) throw Napi::Error::New(exports.Env());
  exports.Set(name, Napi::Value(exports.Env(), made));
}

}  // namespace spurmem
