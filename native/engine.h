// Runs libtorch's work on threads of its own, so that the event loop stays free. Each lane but that of files
// is one thread of the process with one queue: its jobs run in the order they were submitted, like a CUDA
// stream.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace spurmem {

enum class LaneName {
  compute,  // models: all cores
  data,     // batches: one core, so that the next batch is ready when the step ends
  arrival,  // waits for copies from a GPU to the host
  files,    // reads and decodes images: a thread for each core, none of which computes with libtorch
};

// Per-environment state (a main thread, worker or jest file): class constructors, and the thread-safe
// callback.
class Environment {
 public:
  explicit Environment(Napi::Env env);
  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  // The addon's classes, by their names.
  std::unordered_map<std::string, Napi::FunctionReference> classes;

  // Runs `work` on the lane, `wait` on the lane of arrivals where `work` says that there is something to wait
  // for, and then `settle` on the JavaScript thread. None runs once the environment closes; throws then.
  void submit(LaneName lane, std::function<bool()> work, std::function<void()> wait,
              std::function<void(Napi::Env)> settle);

  // Drops the queued jobs and waits for those at work.
  void close();

  // Sets how the process computes until release(). Returns the current setting instead if another job holds a
  // different one.
  std::optional<std::string> claim(const std::string& how);
  void release();

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable idle;
    Napi::ThreadSafeFunction toJavaScript;
    bool closed = false;
    int running = 0;
  };

  Napi::Env env_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
  int pending_ = 0;
  int claims_ = 0;
};

// The error in flight as its message, without libtorch's C++ stack.
std::string currentErrorMessage();

}  // namespace spurmem
