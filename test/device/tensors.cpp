// Tensors of the device: memory for new ones, and views.
#include <ATen/EmptyTensor.h>
#include <ATen/NativeFunctions.h>
#include <c10/core/DeviceGuard.h>
#include <torch/library.h>

#include "device.h"

namespace testdevice {

namespace {

using Layout = std::optional<at::Layout>;
using Type = std::optional<at::ScalarType>;

at::Tensor empty(at::IntArrayRef sizes, Type type, Layout, std::optional<c10::Device> device,
                 std::optional<bool> pinned, std::optional<at::MemoryFormat> format) {
  TORCH_CHECK(!pinned.value_or(false), "only tensors of the CPU can be pinned");
  const c10::DeviceGuard guard(deviceOr(device));
  return at::detail::empty_generic(sizes, deviceAllocator(), c10::DispatchKeySet(kKey),
                                   c10::dtype_or_default(type), format);
}

at::Tensor emptyStrided(at::IntArrayRef sizes, at::IntArrayRef strides, Type type, Layout,
                        std::optional<c10::Device> device, std::optional<bool>) {
  return emptyOn(deviceOr(device), sizes, strides, c10::dtype_or_default(type));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, TEST_DEVICE_KEY, library) {
  library.impl("empty.memory_format", empty);
  library.impl("empty_strided", emptyStrided);
  library.impl("as_strided", at::native::as_strided_tensorimpl);
  library.impl("view", at::native::view);
  library.impl("_reshape_alias", at::native::_reshape_alias);
  library.impl("unfold", at::native::unfold);
}

}  // namespace testdevice
