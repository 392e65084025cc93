// Streams of an accelerator, through libtorch's device-independent interface: one per lane, so that a batch
// is prepared while the model computes, and values reach the host without stopping the lane that computes
// them. The CPU has no streams: everything here is a no-op for it.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <memory>

#include "../engine.h"

namespace spurmem {

// Creates a device's streams for the lanes. Called on JavaScript's thread before the first job that uses it.
void openDevice(const at::Device& device);

// Called on a lane's thread before a job, which then computes on the lane's streams.
void takeStreams(LaneName lane);

// Called at the end of a job of the data lane: the compute lane waits for its results.
void handOver(const at::Tensor& tensor);

// Returns options for pinned memory, so that copies to the device are asynchronous; ordinary memory for the
// CPU.
at::TensorOptions stagingFor(const at::Device& device);

// Copies a CPU tensor to a device, without waiting for earlier work on the lane's stream.
at::Tensor sendTo(const at::Device& device, const at::Tensor& tensor);

// A job's result for JavaScript: a contiguous CPU tensor, which may still be filled until the event.
struct Values {
  at::Tensor tensor;
  std::shared_ptr<c10::Event> arrival{};

  // Enqueues the copy from a device to the host; a no-op for the CPU.
  static Values of(const at::Tensor& tensor);
};

// A float64 scalar, a number in JavaScript.
struct Number : Values {
  explicit Number(const at::Tensor& scalar) : Values(of(scalar)) {}
};

}  // namespace spurmem
