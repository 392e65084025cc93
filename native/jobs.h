// Jobs: work on a lane with a Promise of the result.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "device/streams.h"
#include "exports.h"
#include "tensor.h"

namespace spurmem {

struct Nothing {};

inline Napi::Value toJavaScript(Napi::Env env, const Nothing&) { return env.Undefined(); }

// Resolves a Promise with toJavaScript(env, work()). `work` runs on the lane, must touch no JavaScript value,
// and is freed with its captures as soon as it is done. If either throws, rejects with an Error with code
// NATIVE_FAILED.
template <class Work>
Napi::Promise submit(Napi::Env env, LaneName lane, Work work) {
  using Given = std::invoke_result_t<Work>;
  struct Job {
    Napi::Promise::Deferred deferred;
    std::optional<Work> work;
    std::optional<std::conditional_t<std::is_void_v<Given>, Nothing, Given>> result;
    std::string error;
    const char* call;

    void fail() {
      result.reset();
      error = currentErrorMessage();
    }
  };
  auto job = std::make_shared<Job>(
      Job{Napi::Promise::Deferred::New(env), std::move(work), std::nullopt, std::string(), callAtWork});
  // Returns whether the result is still being copied from a device.
  auto run = [job, lane] {
    try {
      takeStreams(lane);
      if constexpr (std::is_void_v<Given>) {
        (*job->work)();
        job->result.emplace();
      } else {
        job->result.emplace((*job->work)());
        if constexpr (std::is_same_v<at::Tensor, Given>) {
          if (lane == LaneName::data) handOver(*job->result);
        }
      }
    } catch (...) {
      job->fail();
    }
    job->work.reset();
    if constexpr (std::is_base_of_v<Values, Given>) return job->result && job->result->arrival != nullptr;
    return false;
  };
  auto wait = [job] {
    if constexpr (std::is_base_of_v<Values, Given>) {
      try {
        job->result->arrival->synchronize();
      } catch (...) {
        job->fail();
      }
    }
  };
  auto settle = [job](Napi::Env settleEnv) {
    Napi::HandleScope scope(settleEnv);
    try {
      inWords(settleEnv, job->call, [&] {
        if (!job->result) throw nativeError(settleEnv, job->error, job->call);
        job->deferred.Resolve(toJavaScript(settleEnv, *job->result));
      });
    } catch (const Napi::Error& error) {
      job->deferred.Reject(error.Value());
    }
  };
  Environment::of(env).submit(lane, std::move(run), std::move(wait), std::move(settle));
  return job->deferred.Promise();
}

// Submits to the compute lane.
template <class Work>
Napi::Promise compute(const Napi::CallbackInfo& info, Work work) {
  return submit(info.Env(), LaneName::compute, std::move(work));
}

}  // namespace spurmem
