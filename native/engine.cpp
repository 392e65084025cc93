#include "engine.h"

#include <ATen/Parallel.h>
#include <c10/core/thread_pool.h>
#include <c10/util/Exception.h>
#include <omp.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "kernels/allocator.h"

namespace spurmem {

namespace {

// Maximum number of images decoded at once: each can take 200 MB.
constexpr int kMaxThreadsOfFiles = 8;

// Never destroyed: a lane may still be working while the process exits.
c10::ThreadPool& threadOf(LaneName lane) {
  static auto* compute = new c10::ThreadPool(1, /*numa_node_id=*/-1, [] { at::init_num_threads(); });
  static auto* data = new c10::ThreadPool(1, /*numa_node_id=*/-1, [] {
    // Else libtorch's first parallel loop of this thread would set another number than the one below. The
    // inline function that does it remembers by library: once for libtorch, once for the addon.
    at::get_num_threads();
    at::internal::lazy_init_num_threads();
    // OpenMP's thread count belongs to the calling thread, so this leaves the compute lane's alone.
    omp_set_num_threads(1);
  });
  static auto* arrival = new c10::ThreadPool(1);
  if (lane == LaneName::files) {
    static auto* files = new c10::ThreadPool(std::clamp(omp_get_num_procs(), 1, kMaxThreadsOfFiles));
    return *files;
  }
  return lane == LaneName::compute ? *compute : lane == LaneName::data ? *data : *arrival;
}

// The process's numerics: all environments share libtorch's threads and switches, so that a job that set them
// would change the numbers of running jobs.
struct Claimed {
  std::mutex mutex;
  std::string how;
  int jobs = 0;
};

Claimed& claimed() {
  static auto* one = new Claimed;
  return *one;
}

}  // namespace

Environment::Environment(Napi::Env env) : env_(env) {
  auto nothing = Napi::Function::New(env, [](const Napi::CallbackInfo&) {});
  state_->toJavaScript = Napi::ThreadSafeFunction::New(env, nothing, "spurmem engine", 0, 1);
  state_->toJavaScript.Unref(env);
  // Hooks run last-in first-out, so this one runs while the thread-safe function is still alive.
  env.AddCleanupHook([this] { close(); });
}

void Environment::close() {
  std::unique_lock lock(state_->mutex);
  if (state_->closed) return;
  state_->closed = true;
  // libtorch must not be torn down under a running kernel: wait for the jobs at work; queued ones are
  // dropped.
  state_->idle.wait(lock, [this] { return state_->running == 0; });
  state_->toJavaScript.Abort();
  while (claims_ > 0) release();
}

std::optional<std::string> Environment::claim(const std::string& how) {
  auto& all = claimed();
  std::lock_guard lock(all.mutex);
  if (all.jobs > 0 && all.how != how) return all.how;
  all.how = how;
  ++all.jobs;
  ++claims_;
  return std::nullopt;
}

void Environment::release() {
  if (claims_ == 0) return;
  auto& all = claimed();
  std::lock_guard lock(all.mutex);
  --all.jobs;
  --claims_;
  if (all.jobs == 0) returnKeptMemory();
}

void Environment::submit(LaneName lane, std::function<bool()> work, std::function<void()> wait,
                         std::function<void(Napi::Env)> settle) {
  if (state_->closed) throw std::runtime_error("the engine is shut down: the process is about to end");
  // First, because starting the thread may fail; a pending job that never runs would keep the process alive.
  auto& thread = threadOf(lane);
  if (pending_++ == 0) state_->toJavaScript.Ref(env_);
  auto done = [this, settle = std::move(settle)](Napi::Env env, Napi::Function) {
    try {
      settle(env);
    } catch (const Napi::Error&) {
      // A worker that is being terminated runs no JavaScript any more, and nobody waits for the result.
    }
    if (--pending_ == 0) state_->toJavaScript.Unref(env);
  };
  auto finish = [state = state_, done = std::move(done)]() mutable {
    std::lock_guard lock(state->mutex);
    if (!state->closed) state->toJavaScript.NonBlockingCall(std::move(done));
    --state->running;
    state->idle.notify_all();
  };
  thread.run(
      [state = state_, work = std::move(work), wait = std::move(wait), finish = std::move(finish)]() mutable {
        {
          std::lock_guard lock(state->mutex);
          if (state->closed) return;
          ++state->running;
        }
        const bool isOnItsWay = work();
        work = nullptr;
        if (!isOnItsWay) return finish();
        threadOf(LaneName::arrival).run([wait = std::move(wait), finish = std::move(finish)]() mutable {
          wait();
          wait = nullptr;
          finish();
        });
      });
}

std::string currentErrorMessage() {
  try {
    throw;
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "unknown C++ exception";
  }
}

}  // namespace spurmem
