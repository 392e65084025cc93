#include "engine.h"

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <omp.h>

#include <thread>
#include <utility>

namespace spurmem {

Lane& Lane::get(LaneName name) {
  // Never destroyed: a lane may still be working while the process exits.
  static Lane* compute = new Lane(LaneName::compute);
  static Lane* data = new Lane(LaneName::data);
  return name == LaneName::compute ? *compute : *data;
}

Lane::Lane(LaneName name) : name_(name) {
  std::thread([this] { run(); }).detach();
}

void Lane::post(std::function<void()> job) {
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(job));
  }
  ready_.notify_one();
}

void Lane::run() {
  at::init_num_threads();
  // OpenMP's thread count belongs to the calling thread, so this leaves the compute lane's alone.
  if (name_ == LaneName::data) omp_set_num_threads(1);
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [this] { return !queue_.empty(); });
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    job();
  }
}

Environment::Environment(Napi::Env env) : env_(env) {
  auto nothing = Napi::Function::New(env, [](const Napi::CallbackInfo&) {});
  state_->toJavaScript = Napi::ThreadSafeFunction::New(env, nothing, "spurmem engine", 0, 1);
  state_->toJavaScript.Unref(env);
  // Hooks run last-in first-out, so this one runs while the thread-safe function is still alive.
  env.AddCleanupHook([this] { close(); });
}

void Environment::close() {
  std::unique_lock lock(state_->mutex);
  state_->closed = true;
  // libtorch must not be torn down under a running kernel: wait for the job at work; queued ones are dropped.
  state_->idle.wait(lock, [this] { return state_->running == 0; });
  state_->toJavaScript.Abort();
}

void Environment::submit(LaneName lane, std::function<void()> work, std::function<void(Napi::Env)> settle) {
  // First, because starting the thread may fail; a pending job that never runs would keep the process alive.
  auto& thread = Lane::get(lane);
  if (pending_++ == 0) state_->toJavaScript.Ref(env_);
  auto done = [this, settle = std::move(settle)](Napi::Env env, Napi::Function) {
    settle(env);
    settled(env);
  };
  thread.post([state = state_, work = std::move(work), done = std::move(done)]() mutable {
    {
      std::lock_guard lock(state->mutex);
      if (state->closed) return;
      ++state->running;
    }
    work();
    work = nullptr;
    std::lock_guard lock(state->mutex);
    if (!state->closed) state->toJavaScript.NonBlockingCall(std::move(done));
    --state->running;
    state->idle.notify_all();
  });
}

void Environment::settled(Napi::Env env) {
  if (--pending_ == 0) state_->toJavaScript.Unref(env);
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
