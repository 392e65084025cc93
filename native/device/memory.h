// A GPU as NVIDIA's driver sees it.
#pragma once

#include <c10/core/Device.h>

#include <optional>
#include <string>

namespace spurmem {

struct DeviceMemory {
  std::string name;
  double free, total;  // bytes
};

// Nothing of a device that is not NVIDIA's.
std::optional<DeviceMemory> memoryOf(const c10::Device& device);

// The newest CUDA that the driver can run: 13020 is 13.2. Nothing where there is no driver.
std::optional<int> driverVersion();

}  // namespace spurmem
