// Devices besides the CPU: CUDA's (ROCm's libtorch uses the same name), and the one that tests register.
#pragma once

#include <c10/core/Device.h>

#include <optional>
#include <string>
#include <vector>

namespace spurmem {

// A kind of accelerator, and how many of its devices libtorch sees here.
struct Accelerator {
  c10::DeviceType type;
  std::string name;
  int devices;
};

std::vector<Accelerator> accelerators();

// Whether its memory is host-addressable: the CPU's. All else has streams, pinned memory on the host to copy
// through, and convolutions with sum and ReLU in one kernel.
bool isHost(const c10::Device& device);

// The device of that name, with an index; nothing for another word.
std::optional<c10::Device> deviceNamed(const std::string& name);

// Such as `cpu or cuda:n`.
std::string deviceNames();

// A GPU as NVIDIA's driver sees it.
struct DeviceMemory {
  std::string name;
  double free, total;  // bytes
};

// Nothing for a device that is not NVIDIA's.
std::optional<DeviceMemory> memoryOf(const c10::Device& device);

// The newest CUDA that the driver can run: 13020 is 13.2. Nothing if there is no driver.
std::optional<int> driverVersion();

}  // namespace spurmem
