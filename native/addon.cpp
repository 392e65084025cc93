// The addon's exports.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <napi.h>
#include <omp.h>
#include <torch/version.h>

#include <algorithm>
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

Napi::Value toJavaScript(Napi::Env env, const DeviceMemory& memory) {
  return objectOf(env, "name", memory.name, "free", memory.free, "total", memory.total);
}

Napi::Value toJavaScript(Napi::Env env, const Accelerator& one) {
  return objectOf(env, "name", one.name, "devices", one.devices);
}

Napi::Value toJavaScript(Napi::Env env, const NamedOperator& wanted) {
  const std::string name = wanted.name, overload = wanted.overload;
  return objectOf(env, "name", overload.empty() ? name : name + "." + overload, "isFound",
                  operatorInLibtorch(wanted).has_value(), "without", std::string(wanted.without));
}

namespace {

Napi::Value configure(const Napi::CallbackInfo& info) {
  // OpenMP would start any number of threads, and bring the machine to a standstill.
  const int64_t most = std::max(64, omp_get_num_procs());
  return compute(info, [threads = toInteger(info[0], "threads", 0, most)] {
    static const int byDefault = at::get_num_threads();
    at::set_num_threads(threads > 0 ? static_cast<int>(threads) : byDefault);
    return at::get_num_threads();
  });
}

Napi::Value claim(const Napi::CallbackInfo& info) {
  return toJavaScript(info.Env(), Environment::of(info.Env()).claim(toString(info[0], "how")));
}

Napi::Value release(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).release();
  return info.Env().Undefined();
}

// Settings of the whole process, by the names of torch.backends and torch.set_float32_matmul_precision.
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

Napi::Value listAccelerators(const Napi::CallbackInfo& info) {
  return toJavaScript(info.Env(), accelerators());
}

Napi::Value deviceMemory(const Napi::CallbackInfo& info) {
  return toJavaScript(info.Env(), memoryOf(toDevice(info[0])));
}

Napi::Value operators(const Napi::CallbackInfo& info) { return arrayOf(info.Env(), kOperators); }

Napi::Value cudaDriver(const Napi::CallbackInfo& info) { return toJavaScript(info.Env(), driverVersion()); }

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
