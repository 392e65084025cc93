// Sets libtorch's answer to a wait of the host for the GPU, as torch.cuda.set_sync_debug_mode does in Python:
// failOnWaits(true) makes each an error, and says whether libtorch's own function raises one now. The libtorch
// that the addon has loaded keeps it as one number, whose symbol is asked for, since its header needs CUDA's.
#include <dlfcn.h>
#include <node_api.h>

namespace {

// c10::cuda::warn_or_error_on_sync(), which libtorch calls before it waits.
constexpr auto kBeforeWait = "_ZN3c104cuda21warn_or_error_on_syncEv";
// c10::cuda::warning_state()'s own variable, a SyncDebugMode: 0 disabled, 1 warn, 2 error.
constexpr auto kMode = "_ZZN3c104cuda13warning_stateEvE14warning_state_";

bool raises(void (*function)()) {
  try {
    function();
  } catch (...) {
    return true;
  }
  return false;
}

napi_value failOnWaits(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value given = nullptr;
  bool isOn = false;
  napi_get_cb_info(env, info, &count, &given, nullptr, nullptr);
  napi_get_value_bool(env, given, &isOn);
  void* library = dlopen("libc10_cuda.so", RTLD_LAZY | RTLD_NOLOAD);
  auto* mode = library == nullptr ? nullptr : static_cast<int*>(dlsym(library, kMode));
  auto* beforeWait =
      library == nullptr ? nullptr : reinterpret_cast<void (*)()>(dlsym(library, kBeforeWait));
  if (mode == nullptr || beforeWait == nullptr) {
    napi_throw_error(env, nullptr, "This libtorch has no libc10_cuda.so that tells of waits.");
    return nullptr;
  }
  *mode = isOn ? 2 : 0;
  napi_value answer = nullptr;
  napi_get_boolean(env, raises(beforeWait), &answer);
  return answer;
}

napi_value init(napi_env env, napi_value exports) {
  napi_value function = nullptr;
  napi_create_function(env, "failOnWaits", NAPI_AUTO_LENGTH, failOnWaits, nullptr, &function);
  napi_set_named_property(env, exports, "failOnWaits", function);
  return exports;
}

}  // namespace

NAPI_MODULE(waits, init)
