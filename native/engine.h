// Runs libtorch's work on its own threads, so that the event loop stays free. Each lane except `files` is one
// thread of the process with one queue: its jobs run in the order of submission, like a CUDA stream.
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
  files,    // reads and decodes images: one thread per core, without libtorch
};

// Per-environment state (a main thread, worker or jest file): class constructors, and the thread-safe
// callback.
class Environment {
 public:
  explicit Environment(Napi::Env env);
  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  // The addon's classes by name.
  std::unordered_map<std::string, Napi::FunctionReference> classes;

  // Runs `work` on the lane, `wait` on the arrival lane if `work` returns true, and then `settle` on the
  // JavaScript thread. Nothing runs once the environment closes; submit() then throws.
  void submit(LaneName lane, std::function<bool()> work, std::function<void()> wait,
              std::function<void(Napi::Env)> settle);

  // Drops the queued jobs and waits for running ones.
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

// Returns the message of the current exception, without libtorch's C++ stack.
std::string currentErrorMessage();

}  // namespace spurmem
