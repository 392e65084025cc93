// What the addon exports.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <napi.h>
#include <omp.h>
#include <torch/version.h>

#include <chrono>
#include <limits>

#include "arguments.h"
#include "engine.h"
#include "generator.h"
#include "image.h"
#include "kernels/allocator.h"
#include "losses.h"
#include "model.h"
#include "optim.h"
#include "precision.h"
#include "tensor.h"

namespace spurmem {

namespace {

// configure(threads): cores of the compute lane; resolves to the number in force.
Napi::Value configure(const Napi::CallbackInfo& info) {
  return submit(
      info.Env(), LaneName::compute,
      [threads = toInteger(info[0], "threads")] {
        if (threads > 0) at::set_num_threads(static_cast<int>(threads));
        return at::get_num_threads();
      },
      [](Napi::Env env, int& threads) { return Napi::Number::New(env, threads); });
}

// Seconds that one float32 matrix product of n x n takes, the best of three: how doctor tells a slow BLAS.
Napi::Value matmulSeconds(const Napi::CallbackInfo& info) {
  return submit(
      info.Env(), LaneName::compute,
      [n = toInteger(info[0], "n")] {
        at::NoGradGuard noGrad;
        const auto matrix = at::ones({n, n});
        double best = std::numeric_limits<double>::infinity();
        for (int i = 0; i < 3; ++i) {
          const auto start = std::chrono::steady_clock::now();
          at::mm(matrix, matrix);
          best =
              std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
        }
        return best;
      },
      [](Napi::Env env, double& seconds) { return Napi::Number::New(env, seconds); });
}

Napi::Value liveTensors(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(TensorHandle::liveCount()));
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  installAllocator();
  // Of JavaScript's thread. One kernel there would start a team of its own; with more threads than cores,
  // OpenMP then puts every idle worker to sleep at once, and waking the compute lane's costs a tenth of a
  // training step.
  omp_set_num_threads(1);
  auto* environment = new Environment(env);
  env.SetInstanceData(environment);
  const auto tensorClass = TensorHandle::define(env);
  const auto modelClass = ModelHandle::define(env);
  environment->tensorClass = Napi::Persistent(tensorClass);
  environment->modelClass = Napi::Persistent(modelClass);

  exports.Set("Tensor", tensorClass);
  exports.Set("Model", modelClass);
  exports.Set("Generator", GeneratorHandle::define(env));
  exports.Set("ImageStore", ImageStoreHandle::define(env));
  exports.Set("Adam", AdamHandle::define(env));
  exports.Set("tensor", Napi::Function::New<createTensor>(env, "tensor"));
  exports.Set("createModel", Napi::Function::New<createModel>(env, "createModel"));
  exports.Set("createProjectionHead", Napi::Function::New<createProjectionHead>(env, "createProjectionHead"));
  exports.Set("crossEntropy", Napi::Function::New<crossEntropy>(env, "crossEntropy"));
  exports.Set("squaredError", Napi::Function::New<squaredError>(env, "squaredError"));
  exports.Set("ntXent", Napi::Function::New<ntXent>(env, "ntXent"));
  exports.Set("combine", Napi::Function::New<combine>(env, "combine"));
  exports.Set("configure", Napi::Function::New<configure>(env, "configure"));
  exports.Set("matmulSeconds", Napi::Function::New<matmulSeconds>(env, "matmulSeconds"));
  exports.Set("liveTensors", Napi::Function::New<liveTensors>(env, "liveTensors"));
  exports.Set("torchVersion", TORCH_VERSION);
  exports.Set("fastBf16", hasFastBf16());
  exports.Set("cudaDevices",
              static_cast<double>(at::hasCUDA() ? at::detail::getCUDAHooks().getNumGPUs() : 0));
  return exports;
}

}  // namespace

NODE_API_MODULE(spurmem, init)

}  // namespace spurmem
