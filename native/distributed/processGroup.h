// The processes that train or trace together, as c10d's process group. Collectives are called by all of them
// in the same order, on the compute lane.
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

// Where a process stands among the others, and where they meet.
struct Rendezvous {
  std::string host;
  int64_t port = 0;
  int64_t rank = 0, size = 1;
  // Whether this process keeps the store at which they meet.
  bool hostsStore = false;
  // The prefix of this start's keys in the store.
  std::string prefix;
};

class ProcessGroup {
 public:
  // Returns once all processes are there. Throws where some stay away.
  static std::shared_ptr<ProcessGroup> join(const Rendezvous& rendezvous);

  const c10::intrusive_ptr<c10d::ProcessGroup>& group() const { return group_; }
  double size() const { return group_->getSize(); }
  // Sums over all processes, in place.
  void sum(at::Tensor tensor) const;
  // Overwrites it with the first process's values.
  void copyFromFirst(at::Tensor tensor) const;
  // The ranks of processes that do not answer this call, which all that are left make after a collective
  // failed.
  std::vector<int64_t> missing() const;

 private:
  c10::intrusive_ptr<c10d::Store> store_;
  c10::intrusive_ptr<c10d::ProcessGroup> group_;
};

// Makes a network one that several processes train: each sees a part of every batch.
struct Distribution {
  std::shared_ptr<ProcessGroup> group;
  // Whether batch-norm takes its statistics over the parts of all processes, as torch.nn.SyncBatchNorm does.
  bool synchronizesNorms;
  // Averages the gradients of backward passes that it was prepared for, in buckets while they are computed,
  // as DistributedDataParallel does.
  std::shared_ptr<c10d::Reducer> reducer;

  void prepare() const;
};

// Its parameters must not be replaced afterwards.
std::shared_ptr<Distribution> distribute(const Network& network, std::shared_ptr<ProcessGroup> group,
                                         bool synchronizesNorms);

// A backend for accelerators: values go through pinned memory and return on the stream of the call.
// libtorch's own path for Gloo waits on the default stream alone, so that a Reducer on another one would
// read gradients too early. Does not block the calling thread.
c10::intrusive_ptr<c10d::Backend> throughHost(c10::intrusive_ptr<c10d::Backend> backend);

// The rows of all processes, [total, ...], of which this one's begin at `offset`. A loss of all rows that
// each process computes has in each the gradient of its own rows alone, times total / rows: so that weighing
// processes by their rows, as a mean over a batch does, gives the gradient of the one loss.
at::Tensor gather(const at::Tensor& rows, int64_t offset, int64_t total, const ProcessGroup& group);

// torch.nn.SyncBatchNorm in training mode for this process's part of a batch [N, C, H, W]. Updates the
// running statistics if they are defined.
at::Tensor synchronizedNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            at::Tensor runningMean, at::Tensor runningVar, double momentum, double eps,
                            const ProcessGroup& group);

}  // namespace spurmem
