#include "streams.h"

#include <ATen/Context.h>
#include <ATen/ops/empty.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <utility>

#include "accelerator.h"

namespace spurmem {

namespace {

struct Streams {
  c10::Stream compute, data;
};

struct OpenDevices {
  std::mutex mutex;
  std::map<std::pair<c10::DeviceType, c10::DeviceIndex>, Streams> streams;
  std::atomic<size_t> count{0};
};

// Never destroyed: a lane may still be working while the process exits.
OpenDevices& openDevices() {
  static auto* devices = new OpenDevices;
  return *devices;
}

auto keyOf(const at::Device& device) { return std::pair(device.type(), device.index()); }

c10::impl::VirtualGuardImpl guardOf(const at::Device& device) {
  return c10::impl::VirtualGuardImpl(device.type());
}

Streams streamsOf(const at::Device& device) {
  auto& devices = openDevices();
  const std::lock_guard lock(devices.mutex);
  return devices.streams.at(keyOf(device));
}

}  // namespace

void openDevice(const at::Device& device) {
  if (isHost(device)) return;
  auto& devices = openDevices();
  const std::lock_guard lock(devices.mutex);
  if (devices.streams.count(keyOf(device)) > 0) return;
  at::globalContext().lazyInitDevice(device.type());
  const auto guard = guardOf(device);
  const Streams streams{guard.getStreamFromGlobalPool(device, /*isHighPriority=*/true),
                        guard.getStreamFromGlobalPool(device, /*isHighPriority=*/false)};
  devices.streams.emplace(keyOf(device), streams);
  devices.count = devices.streams.size();
}

void takeStreams(LaneName lane) {
  thread_local size_t taken = 0;
  auto& devices = openDevices();
  if (lane == LaneName::files || taken == devices.count) return;
  const std::lock_guard lock(devices.mutex);
  for (const auto& [key, streams] : devices.streams) {
    const auto& own = lane == LaneName::compute ? streams.compute : streams.data;
    guardOf(own.device()).exchangeStream(own);
  }
  // The data lane may use most cores: models run on the device.
  if (lane == LaneName::data) omp_set_num_threads(std::max(1, omp_get_num_procs() - 2));
  taken = devices.streams.size();
}

void handOver(const at::Tensor& tensor) {
  if (isHost(tensor.device())) return;
  const auto streams = streamsOf(tensor.device());
  c10::Event made(tensor.device().type());
  made.record(streams.data);
  made.block(streams.compute);
  // Otherwise the allocator would give its memory to the next batch while a model still reads it.
  guardOf(tensor.device()).recordDataPtrOnStream(tensor.storage().data_ptr(), streams.compute);
}

at::TensorOptions stagingFor(const at::Device& device) {
  return at::TensorOptions().pinned_memory(!isHost(device));
}

at::Tensor sendTo(const at::Device& device, const at::Tensor& tensor) {
  if (isHost(device)) return tensor;
  return tensor.pin_memory().to(device, /*non_blocking=*/true);
}

Values Values::of(const at::Tensor& tensor) {
  if (isHost(tensor.device())) return {tensor.contiguous()};
  // Freed while a stream still writes it, its memory stays out of use until that is done.
  auto host = at::empty(tensor.sizes(), stagingFor(tensor.device()).dtype(tensor.scalar_type()));
  host.copy_(tensor, /*non_blocking=*/true);
  auto arrival = std::make_shared<c10::Event>(tensor.device().type());
  arrival->record(guardOf(tensor.device()).getStream(tensor.device()));
  return {host, arrival};
}

}  // namespace spurmem
