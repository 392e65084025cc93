// Devices besides the CPU: CUDA's (ROCm's libtorch uses this name too), and one that tests register.
#pragma once

#include <c10/core/Device.h>

#include <optional>
#include <string>
#include <vector>

namespace spurmem {

// A kind of accelerator, and the number of its devices that libtorch sees.
struct Accelerator {
  c10::DeviceType type;
  std::string name;
  int devices;
};

std::vector<Accelerator> accelerators();

// Whether its memory is host-addressable, as the CPU's is. All other devices have streams, pinned host memory
// for copies, and convolutions with sum and ReLU in one kernel.
bool isHost(const c10::Device& device);

// Returns the device of that name, with an index; nullopt for any other word.
std::optional<c10::Device> deviceNamed(const std::string& name);

// Returns a text such as `cpu or cuda:n`.
std::string deviceNames();

// A GPU as reported by NVIDIA's driver.
struct DeviceMemory {
  std::string name;
  double free, total;  // bytes
};

// Returns nullopt for a device that is not NVIDIA's.
std::optional<DeviceMemory> memoryOf(const c10::Device& device);

// Returns the newest CUDA that the driver supports: 13020 is 13.2. nullopt without a driver.
std::optional<int> driverVersion();

}  // namespace spurmem
