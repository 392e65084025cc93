// The processes that train or trace together, as a c10d process group. All of them call collectives in the
// same order, on the compute lane.
#pragma once

#include <ATen/ATen.h>

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace c10d {
class Reducer;
}

namespace spurmem {

class Network;

// A process's rank, and the address of the store.
struct Rendezvous {
  std::string host;
  int64_t port = 0;
  int64_t rank = 0, size = 1;
  // Whether this process hosts the store.
  bool hostsStore = false;
  // The prefix of this start's keys in the store.
  std::string prefix;
};

class ProcessGroup {
 public:
  // Returns once all processes have joined. Throws if some do not.
  static std::shared_ptr<ProcessGroup> join(const Rendezvous& rendezvous);

  const c10::intrusive_ptr<c10d::ProcessGroup>& group() const { return group_; }
  double size() const { return group_->getSize(); }
  // Sums over all processes, in place.
  void sum(at::Tensor tensor) const;
  // Broadcasts rank 0's values.
  void copyFromFirst(at::Tensor tensor) const;
  // Returns the ranks that do not answer this call. All remaining processes make it after a collective
  // failed.
  std::vector<int64_t> missing() const;

 private:
  c10::intrusive_ptr<c10d::Store> store_;
  c10::intrusive_ptr<c10d::ProcessGroup> group_;
};

// The state of a network that several processes train, each on a part of every batch.
struct Distribution {
  std::shared_ptr<ProcessGroup> group;
  // Whether batch-norm takes its statistics over the parts of all processes, as torch.nn.SyncBatchNorm does.
  bool synchronizesNorms;
  // Averages the gradients of prepared backward passes in buckets while they are computed, like
  // DistributedDataParallel.
  std::shared_ptr<c10d::Reducer> reducer;

  void prepare() const;
};

// The network's parameters must not be replaced afterwards.
std::shared_ptr<Distribution> distribute(const Network& network, std::shared_ptr<ProcessGroup> group,
                                         bool synchronizesNorms);

// A backend for accelerators: values go through pinned memory and return on the stream of the call.
// libtorch's own path for Gloo waits on the default stream alone, so that a Reducer on another one would
// read gradients too early. Does not block the calling thread.
c10::intrusive_ptr<c10d::Backend> throughHost(c10::intrusive_ptr<c10d::Backend> backend);

// Returns the rows of all processes, [total, ...]; this process's begin at `offset`. Each process computes
// the loss of all rows, and gets the gradient of its own rows times total / rows. The mean over processes,
// weighted by rows as in a batch, is then the gradient of the whole loss.
at::Tensor gather(const at::Tensor& rows, int64_t offset, int64_t total, const ProcessGroup& group);

// torch.nn.SyncBatchNorm in training mode for this process's part of a batch [N, C, H, W]. Updates the
// running statistics if they are defined.
at::Tensor synchronizedNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            at::Tensor runningMean, at::Tensor runningVar, double momentum, double eps,
                            const ProcessGroup& group);

}  // namespace spurmem
