// What the addon exports.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <napi.h>
#include <omp.h>
#include <torch/version.h>

#include <algorithm>

#include "arguments.h"
#include "call.h"
#include "distributed/processGroup.h"
#include "engine.h"
#include "exports.h"
#include "jobs.h"
#include "kernels/allocator.h"
#include "kernels/convNorm.h"

namespace spurmem {

namespace {

Napi::Value configure(const Napi::CallbackInfo& info) {
  // OpenMP would start any number of them, and bring the machine to a standstill.
  const int64_t most = std::max(64, omp_get_num_procs());
  return compute(info, [threads = toInteger(info[0], "threads", 0, most)] {
    if (threads > 0) at::set_num_threads(static_cast<int>(threads));
    return at::get_num_threads();
  });
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
  // Of JavaScript's thread. One kernel there would start a team of its own; with more threads than cores,
  // OpenMP then puts every idle worker to sleep at once, and waking the compute lane's costs a tenth of a
  // training step.
  omp_set_num_threads(1);
  env.SetInstanceData(new Environment(env));
  exportTensors(exports);
  exportGenerator(exports);
  exportImageStore(exports);
  exportNetworks(exports);
  exportLosses(exports);
  exportAdam(exports);
  exportProcessGroups(exports);
  exportFunction<configure>(exports, "configure(threads)");
  exportFunction<shutDown>(exports, "shutDown()");
  exportFunction<matmul>(exports, "matmul(a, b)");
  exports.Set("torchVersion", TORCH_VERSION);
  exports.Set("fastBf16", hasFastBf16());
  exports.Set("hasGloo", ProcessGroup::hasBackend());
  exports.Set("cudaDevices",
              static_cast<double>(at::hasCUDA() ? at::detail::getCUDAHooks().getNumGPUs() : 0));
  return exports;
}

}  // namespace

NODE_API_MODULE(spurmem, init)

}  // namespace spurmem
