// The addon's exports by subject, and how they are called from JavaScript. src/native/interface.ts documents
// each.
#pragma once

#include <napi.h>

#include <string>
#include <utility>

#include "engine.h"

namespace spurmem {

void exportTensors(Napi::Object exports);
void exportGenerator(Napi::Object exports);
void exportImageFiles(Napi::Object exports);
void exportImageStore(Napi::Object exports);
void exportNetworks(Napi::Object exports);
void exportLosses(Napi::Object exports);
void exportAdam(Napi::Object exports);
void exportProcessGroups(Napi::Object exports);

// The current call on this thread, such as `matmul(a, b)`: libtorch's messages about arguments do not name
// it.
inline thread_local const char* callAtWork = "";

// The Error with the code NATIVE_FAILED.
inline Napi::Error nativeError(Napi::Env env, const std::string& message, const char* call) {
  // Messages may quote a shape of a million dimensions.
  constexpr size_t kMax = 2000;
  const auto shown = message.size() > kMax ? message.substr(0, kMax) + "..." : message;
  auto error = Napi::Error::New(env, shown + " (in " + call + ")");
  error.Value().Set("code", "NATIVE_FAILED");
  return error;
}

// Calls `callable`, rethrowing C++ exceptions as JavaScript errors.
template <class Callable>
auto inWords(Napi::Env env, const char* call, Callable callable) {
  struct Named {
    const char* outer;
    ~Named() { callAtWork = outer; }
  } const named{std::exchange(callAtWork, call)};
  try {
    return callable();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw nativeError(env, currentErrorMessage(), call);
  }
}

// Runs a Node-API callback, which no exception may leave.
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

// The name in a signature such as `matmul(a, b)`.
inline std::string nameOf(const char* signature) {
  const std::string text = signature;
  return text.substr(0, text.find('('));
}

// The signature must live as long as the process.
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
