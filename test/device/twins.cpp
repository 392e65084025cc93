#include <ATen/EmptyTensor.h>
#include <c10/core/DeviceGuard.h>

#include <cstring>

#include "device.h"

namespace testdevice {

namespace {

void shape(const at::Tensor& tensor, const at::Tensor& like) {
  auto* implementation = tensor.unsafeGetTensorImpl();
  implementation->set_storage_offset(like.storage_offset());
  implementation->set_sizes_and_strides(like.sizes(), like.strides());
}

}  // namespace

at::Tensor emptyOn(c10::Device device, at::IntArrayRef sizes, at::IntArrayRef strides, at::ScalarType type) {
  const c10::DeviceGuard guard(device);
  return at::detail::empty_strided_generic(sizes, strides, deviceAllocator(), c10::DispatchKeySet(kKey),
                                           type);
}

void launchOn(c10::Device device, const std::vector<Access>& touched, const char* name) {
  noteOperator(name);
  launch(currentStream(device.index()), touched, name);
}

at::Tensor Twins::of(const at::Tensor& tensor) {
  for (const auto& [own, twin] : pairs_) {
    if (own.is_same(tensor)) return twin;
  }
  const auto& own = tensor.storage();
  const Memory* memory = nullptr;
  for (const auto& one : memories_) {
    if (one.own.is_alias_of(own)) memory = &one;
  }
  if (memory == nullptr) {
    c10::Storage twin(c10::Storage::use_byte_size_t(), own.nbytes(),
                      c10::DataPtr(twinOf(own.data()), c10::Device(c10::kCPU)), c10::GetAllocator(c10::kCPU),
                      /*resizable=*/true);
    memory = &memories_.emplace_back(Memory{own, std::move(twin)});
  }
  auto twin = at::detail::make_tensor<c10::TensorImpl>(
      c10::Storage(memory->twin), c10::DispatchKeySet(c10::DispatchKey::CPU), tensor.dtype());
  shape(twin, tensor);
  pairs_.push_back({tensor, twin});
  return twin;
}

at::Tensor Twins::back(const at::Tensor& given, c10::Device device, std::vector<Access>& made) const {
  if (!given.defined() || !given.device().is_cpu()) return given;
  for (const auto& [own, twin] : pairs_) {
    if (twin.is_same(given)) return own;
  }
  for (const auto& [own, twin] : memories_) {
    if (!twin.is_alias_of(given.storage())) continue;
    auto view = at::detail::make_tensor<c10::TensorImpl>(c10::TensorImpl::VIEW, c10::Storage(own),
                                                         pairs_.front().own.key_set(), given.dtype());
    shape(view, given);
    return view;
  }
  const auto dense = given.is_non_overlapping_and_dense() ? given : given.contiguous();
  auto result = emptyOn(device, dense.sizes(), dense.strides(), dense.scalar_type());
  if (dense.numel() > 0) {
    std::memcpy(twinOf(result.data_ptr()), dense.const_data_ptr(), dense.nbytes());
    made.push_back(writes(result));
  }
  return result;
}

void Twins::followResizes(c10::Device device) const {
  for (const auto& [own, twin] : pairs_) {
    const auto& memory = twin.storage();
    if (memory.data() != twinOf(own.storage().data())) {
      const c10::DeviceGuard guard(device);
      auto data = deviceAllocator()->allocate(memory.nbytes());
      if (memory.nbytes() > 0) std::memcpy(twinOf(data.get()), memory.data(), memory.nbytes());
      own.storage().set_data_ptr(std::move(data));
      own.storage().set_nbytes(memory.nbytes());
    } else if (own.sizes() == twin.sizes() && own.strides() == twin.strides()) {
      continue;
    }
    shape(own, twin);
  }
}

}  // namespace testdevice
