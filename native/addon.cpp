// The addon's exports.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <napi.h>
#include <omp.h>
#include <torch/version.h>

#include <algorithm>
#include <optional>
#include <string>

#include "arguments.h"
#include "device/accelerator.h"
#include "engine.h"
#include "exports.h"
#include "jobs.h"
#include "kernels/allocator.h"
#include "kernels/convNorm.h"
#include "kernels/operators.h"

namespace spurmem {

namespace {

Napi::Value configure(const Napi::CallbackInfo& info) {
  // OpenMP would start any number of them, and bring the machine to a standstill.
  const int64_t most = std::max(64, omp_get_num_procs());
  return compute(info, [threads = toInteger(info[0], "threads", 0, most)] {
    static const int byDefault = at::get_num_threads();
    at::set_num_threads(threads > 0 ? static_cast<int>(threads) : byDefault);
    return at::get_num_threads();
  });
}

Napi::Value claim(const Napi::CallbackInfo& info) {
  const auto other = Environment::of(info.Env()).claim(toString(info[0], "how"));
  return other ? Napi::String::New(info.Env(), *other) : info.Env().Null();
}

Napi::Value release(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).release();
  return info.Env().Undefined();
}

// By the names of torch.backends and torch.set_float32_matmul_precision; of the whole process.
Napi::Value setNumerics(const Napi::CallbackInfo& info) {
  const Fields given(info[0], "numerics");
  return compute(info, [precision = toChoice<std::string>(
                            given["float32MatmulPrecision"], "float32MatmulPrecision",
                            {{"highest", "highest"}, {"high", "high"}, {"medium", "medium"}}),
                        allowsTf32 = given.flag("cudnnAllowTf32"), benchmarks = given.flag("cudnnBenchmark"),
                        isDeterministic = given.flag("deterministic")] {
    auto& context = at::globalContext();
    context.setFloat32MatmulPrecision(precision);
    context.setAllowTF32CuDNN(allowsTf32);
    context.setBenchmarkCuDNN(benchmarks && !isDeterministic);
    context.setDeterministicCuDNN(isDeterministic);
    context.setDeterministicAlgorithms(isDeterministic, /*warn_only=*/false);
  });
}

Napi::Value toJavaScript(Napi::Env env, const std::optional<DeviceMemory>& memory) {
  if (!memory) return env.Null();
  return objectOf(env, {{"name", Napi::String::New(env, memory->name)},
                        {"free", Napi::Number::New(env, memory->free)},
                        {"total", Napi::Number::New(env, memory->total)}});
}

Napi::Value toJavaScript(Napi::Env env, const Accelerator& one) {
  return objectOf(
      env, {{"name", Napi::String::New(env, one.name)}, {"devices", Napi::Number::New(env, one.devices)}});
}

Napi::Value listAccelerators(const Napi::CallbackInfo& info) {
  auto list = Napi::Array::New(info.Env());
  for (const auto& one : accelerators()) list[list.Length()] = toJavaScript(info.Env(), one);
  return list;
}

Napi::Value deviceMemory(const Napi::CallbackInfo& info) {
  return toJavaScript(info.Env(), memoryOf(toDevice(info[0])));
}

Napi::Value operators(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  auto list = Napi::Array::New(env);
  for (const auto& wanted : kOperators) {
    const std::string overload = wanted.overload;
    const bool isFound = operatorInLibtorch(wanted).has_value();
    list[list.Length()] = objectOf(
        env, {{"name", Napi::String::New(env, wanted.name + (overload.empty() ? "" : "." + overload))},
              {"isFound", Napi::Boolean::New(env, isFound)},
              {"without", Napi::String::New(env, wanted.without)}});
  }
  return list;
}

Napi::Value cudaDriver(const Napi::CallbackInfo& info) {
  const auto driver = driverVersion();
  return driver ? Napi::Number::New(info.Env(), *driver) : info.Env().Null();
}

Napi::Value matmul(const Napi::CallbackInfo& info) {
  return compute(info, [a = toTensor(info[0], "a"), b = toTensor(info[1], "b")] { return at::matmul(a, b); });
}

Napi::Value shutDown(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).close();
  return info.Env().Undefined();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  installAllocator();
  // For JavaScript's thread: one kernel there would start a team of its own; with more threads than cores,
  // OpenMP then puts every idle worker to sleep at once, and waking the compute lane's costs a tenth of a
  // training step.
  omp_set_num_threads(1);
  env.SetInstanceData(new Environment(env));
  exportTensors(exports);
  exportGenerator(exports);
  exportImageFiles(exports);
  exportImageStore(exports);
  exportNetworks(exports);
  exportLosses(exports);
  exportAdam(exports);
  exportProcessGroups(exports);
  exportFunction<configure>(exports, "configure(threads)");
  exportFunction<claim>(exports, "claim(how)");
  exportFunction<release>(exports, "release()");
  exportFunction<setNumerics>(exports, "setNumerics(numerics)");
  exportFunction<deviceMemory>(exports, "deviceMemory(device)");
  exportFunction<listAccelerators>(exports, "accelerators()");
  exportFunction<cudaDriver>(exports, "cudaDriver()");
  exportFunction<operators>(exports, "operators()");
  exportFunction<shutDown>(exports, "shutDown()");
  exportFunction<matmul>(exports, "matmul(a, b)");
  exports.Set("torchVersion", TORCH_VERSION);
  exports.Set("fastBf16", hasFastBf16());
  return exports;
}

}  // namespace

NODE_API_MODULE(spurmem, init)

}  // namespace spurmem
