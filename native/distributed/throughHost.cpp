#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/core/thread_pool.h>

#include <exception>
#include <functional>
#include <utility>
#include <vector>

#include "../device/streams.h"
#include "processGroup.h"

namespace spurmem {

namespace {

using c10::ivalue::Future;
using c10d::Work;

// One for all, because all processes must call the backend in the same order. Never destroyed: it may be
// waiting for another process while this one exits.
c10::ThreadPool& relayThread() {
  static auto* thread = new c10::ThreadPool(1);
  return *thread;
}

// Completes when the copy back is enqueued; waiters must also sync their stream.
class Relayed final : public Work {
 public:
  explicit Relayed(c10::intrusive_ptr<Future> future) : future_(std::move(future)) {}

  bool isCompleted() override { return future_->completed(); }
  bool isSuccess() const override { return future_->completed() && !future_->hasError(); }
  bool wait(std::chrono::milliseconds) override {
    future_->waitAndThrow();
    return true;
  }
  c10::intrusive_ptr<Future> getFuture() override { return future_; }

 private:
  c10::intrusive_ptr<Future> future_;
};

class ThroughHost final : public c10d::Backend {
 public:
  explicit ThroughHost(c10::intrusive_ptr<c10d::Backend> backend)
      : Backend(backend->getRank(), backend->getSize()), backend_(std::move(backend)) {}

  const std::string getBackendName() const override { return "host"; }

  c10::intrusive_ptr<Work> allreduce(std::vector<at::Tensor>& tensors,
                                     const c10d::AllreduceOptions& options) override {
    return relay(tensors, [backend = backend_, options](std::vector<at::Tensor>& values) {
      return backend->allreduce(values, options);
    });
  }

  c10::intrusive_ptr<Work> broadcast(std::vector<at::Tensor>& tensors,
                                     const c10d::BroadcastOptions& options) override {
    return relay(tensors, [backend = backend_, options](std::vector<at::Tensor>& values) {
      return backend->broadcast(values, options);
    });
  }

 private:
  using Operation = std::function<c10::intrusive_ptr<Work>(std::vector<at::Tensor>&)>;

  static c10::intrusive_ptr<Work> relay(const std::vector<at::Tensor>& tensors, Operation operation) {
    TORCH_CHECK(tensors.size() == 1, "one tensor at a time goes through the host, not ", tensors.size());
    const auto tensor = tensors.front().detach();
    const auto device = tensor.device();
    const auto stream = c10::impl::VirtualGuardImpl(device.type()).getStream(device);
    auto future = c10::make_intrusive<Future>(c10::ListType::ofTensors(), std::vector<c10::Device>{device});
    relayThread().run([tensor, stream, future, operation = std::move(operation), sent = Values::of(tensor)] {
      try {
        const at::NoGradGuard noGrad;
        if (sent.arrival) sent.arrival->synchronize();
        std::vector<at::Tensor> values{sent.tensor};
        operation(values)->wait();
        const c10::StreamGuard onStream(stream);
        tensor.copy_(sent.tensor, /*non_blocking=*/true);
        future->markCompleted(std::vector<at::Tensor>{tensor});
      } catch (...) {
        future->setError(std::current_exception());
      }
    });
    return c10::make_intrusive<Relayed>(future);
  }

  c10::intrusive_ptr<c10d::Backend> backend_;
};

}  // namespace

c10::intrusive_ptr<c10d::Backend> throughHost(c10::intrusive_ptr<c10d::Backend> backend) {
  return c10::make_intrusive<ThroughHost>(std::move(backend));
}

}  // namespace spurmem
