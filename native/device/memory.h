// A GPU's name and memory, where libtorch has CUDA and the build had CUDA's headers.
#pragma once

#include <c10/core/Device.h>

#include <optional>
#include <string>

namespace spurmem {

struct DeviceMemory {
  std::string name;
  double free, total;  // bytes
};

// Nothing of the CPU, and of a GPU in a build without CUDA's headers.
std::optional<DeviceMemory> memoryOf(const c10::Device& device);

}  // namespace spurmem
