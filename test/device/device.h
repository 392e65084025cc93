// The device in libtorch: its key, and what all files that register something share.
#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <vector>

#include "runtime.h"

// A libtorch without CUDA leaves CUDA's key to others, and then all that asks for CUDA sees this device.
#ifdef TEST_DEVICE_AS_CUDA
#define TEST_DEVICE_KEY CUDA
#else
#define TEST_DEVICE_KEY PrivateUse1
#endif

namespace testdevice {

constexpr auto kType = c10::DeviceType::TEST_DEVICE_KEY;
constexpr auto kKey = c10::DispatchKey::TEST_DEVICE_KEY;

c10::Allocator* deviceAllocator();
c10::Allocator* pinnedAllocator();

c10::DeviceIndex currentDevice();
// This thread's, of all streams.
int currentStream(c10::DeviceIndex device);
// The one that is named, or else the current one.
c10::Device deviceOr(std::optional<c10::Device> named);

inline bool isOurs(const at::Tensor& tensor) { return tensor.defined() && tensor.device().type() == kType; }

at::Tensor emptyOn(c10::Device device, at::IntArrayRef sizes, at::IntArrayRef strides, at::ScalarType type);

// A kernel on this thread's stream of the device.
void launchOn(c10::Device device, const std::vector<Access>& touched, const char* name);

inline Access reads(const at::Tensor& tensor) { return {tensor.storage().data(), false}; }
inline Access writes(const at::Tensor& tensor) { return {tensor.storage().data(), true}; }

// Tensors of the CPU over the device's memory, on which libtorch's own kernels compute.
class Twins {
 public:
  // One for each tensor: two tensors that share memory have twins that do.
  at::Tensor of(const at::Tensor& tensor);

  // A kernel's result: the tensor whose twin it is, a view of one, or else a new one on the device,
  // which is then told to `made`.
  at::Tensor back(const at::Tensor& given, c10::Device device, std::vector<Access>& made) const;

  // Tensors that a kernel has resized.
  void followResizes(c10::Device device) const;

 private:
  struct Pair {
    at::Tensor own, twin;
  };
  struct Memory {
    c10::Storage own, twin;
  };

  std::vector<Pair> pairs_;
  std::vector<Memory> memories_;
};

}  // namespace testdevice
