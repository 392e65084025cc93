// Copies between the host and the device, and within it, as CUDA orders them.
#include <ATen/NativeFunctions.h>
#include <torch/library.h>

#include "device.h"

namespace testdevice {

namespace {

void within(const at::Tensor& from, const at::Tensor& to) {
  Twins twins;
  if (from.device() == to.device()) {
    launchOn(from.device(), {reads(from), writes(to)}, "copy_");
  } else {
    // Both streams wait for each other.
    const int source = currentStream(from.device().index()), target = currentStream(to.device().index());
    Event event;
    record(event, target);
    block(event, source);
    launchOn(from.device(), {reads(from)}, "copy_");
    record(event, source);
    block(event, target);
    launchOn(to.device(), {writes(to)}, "copy_");
  }
  twins.of(to).copy_(twins.of(from));
}

void toDevice(const at::Tensor& from, const at::Tensor& to, bool nonBlocking) {
  Twins twins;
  const auto source = from.contiguous(from.suggest_memory_format());
  const int stream = currentStream(to.device().index());
  noteOperator("copy_");
  readFromHost(stream, source.const_data_ptr(), source.nbytes());
  launchOn(to.device(), {writes(to)}, "copy_");
  twins.of(to).copy_(source);
  if (!isPinned(source.const_data_ptr())) {
    synchronizeStream(stream, "a copy from memory that is not pinned");
  } else if (!nonBlocking) {
    synchronizeStream(stream, "a copy to the device");
  }
}

void toHost(const at::Tensor& from, const at::Tensor& to, bool nonBlocking) {
  Twins twins;
  const int stream = currentStream(from.device().index());
  launchOn(from.device(), {reads(from)}, "copy_");
  if (!nonBlocking || !to.is_non_overlapping_and_dense() || !isPinned(to.const_data_ptr())) {
    synchronizeStream(stream, "a copy to the host");
    to.copy_(twins.of(from));
    return;
  }
  auto values = at::empty_strided(to.sizes(), to.strides(), to.scalar_type());
  values.copy_(twins.of(from));
  const auto* bytes = static_cast<const char*>(values.const_data_ptr());
  sendToPinned(stream, to.data_ptr(), {bytes, bytes + values.nbytes()});
}

void transfer(const at::Tensor& from, const at::Tensor& to, bool nonBlocking) {
  if (to.numel() == 0) return;
  const auto& source = from.sizes() == to.sizes() ? from : from.expand_as(to);
  if (isOurs(source) && isOurs(to)) return within(source, to);
  isOurs(to) ? toDevice(source, to, nonBlocking) : toHost(source, to, nonBlocking);
}

[[maybe_unused]] at::Tensor& copy_(at::Tensor& self, const at::Tensor& from, bool nonBlocking) {
  transfer(from, self, nonBlocking);
  return self;
}

[[maybe_unused]] at::Tensor copyFrom(const at::Tensor& self, const at::Tensor& to, bool nonBlocking) {
  transfer(self, to, nonBlocking);
  return to;
}

at::Scalar item(const at::Tensor& self) {
  Twins twins;
  launchOn(self.device(), {reads(self)}, "item");
  synchronizeStream(currentStream(self.device().index()), "a value that the host asks for");
  return at::native::_local_scalar_dense_cpu(twins.of(self));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, TEST_DEVICE_KEY, library) {
#ifdef TEST_DEVICE_AS_CUDA
  library.impl("copy_", copy_);
#else
  library.impl("_copy_from", copyFrom);
#endif
  library.impl("_local_scalar_dense", item);
}

}  // namespace testdevice
