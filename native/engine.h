// Runs libtorch's work on threads of its own, so that the event loop stays free. Each lane is one thread with
// one queue: jobs of a lane run in the order they were submitted, like a CUDA stream.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace spurmem {

enum class LaneName {
  compute,  // models: all cores
  data,     // batches: one core, so that the next batch is ready when the step ends
};

// Engine threads outlive every Node environment: one of each per process.
class Lane {
 public:
  static Lane& get(LaneName name);
  void post(std::function<void()> job);

 private:
  explicit Lane(LaneName name);
  void run();

  LaneName name_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> queue_;
};

// What one Node environment (main thread, worker or jest file) owns: its classes and its way back to
// JavaScript.
class Environment {
 public:
  explicit Environment(Napi::Env env);
  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  Napi::FunctionReference tensorClass;
  Napi::FunctionReference modelClass;

  // Runs `work` on the lane and then `settle` on the JavaScript thread. Neither runs once the environment
  // closes.
  void submit(LaneName lane, std::function<void()> work, std::function<void(Napi::Env)> settle);

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable idle;
    Napi::ThreadSafeFunction toJavaScript;
    bool closed = false;
    int running = 0;
  };

  void close();
  void settled(Napi::Env env);

  std::shared_ptr<State> state_ = std::make_shared<State>();
  int pending_ = 0;
};

// The error in flight as its message, without libtorch's C++ stack.
std::string currentErrorMessage();

// Resolves a Promise with finish(env, work()); `work` runs on the lane and must touch no JavaScript value.
// Rejects with an Error whose code is NATIVE_FAILED when either throws.
template <class Work, class Finish>
Napi::Promise submit(Napi::Env env, LaneName lane, Work work, Finish finish) {
  using Result = std::invoke_result_t<Work>;
  struct Job {
    Napi::Promise::Deferred deferred;
    Work work;
    Finish finish;
    std::optional<Result> result;
    std::string error;
  };
  auto job = std::make_shared<Job>(
      Job{Napi::Promise::Deferred::New(env), std::move(work), std::move(finish), std::nullopt, {}});
  auto promise = job->deferred.Promise();
  auto run = [job] {
    try {
      job->result.emplace(job->work());
    } catch (...) {
      job->error = currentErrorMessage();
    }
  };
  auto settle = [job](Napi::Env settleEnv) {
    Napi::HandleScope scope(settleEnv);
    if (job->result) {
      try {
        job->deferred.Resolve(job->finish(settleEnv, *job->result));
      } catch (const Napi::Error& error) {
        job->deferred.Reject(error.Value());
      }
    } else {
      auto error = Napi::Error::New(settleEnv, job->error);
      error.Value().Set("code", "NATIVE_FAILED");
      job->deferred.Reject(error.Value());
    }
  };
  Environment::of(env).submit(lane, std::move(run), std::move(settle));
  return promise;
}

// The same for work that gives nothing back.
template <class Work>
Napi::Promise submitVoid(Napi::Env env, LaneName lane, Work work) {
  return submit(
      env, lane,
      [work = std::move(work)]() mutable {
        work();
        return true;
      },
      [](Napi::Env settleEnv, bool&) { return settleEnv.Undefined(); });
}

}  // namespace spurmem
