// Where libtorch computes besides on the CPU. Only this folder knows kinds of devices: all other code asks
// what one can do.
#pragma once

#include <c10/core/Device.h>

#include <optional>
#include <string>
#include <vector>

namespace spurmem {

// The abilities of a device beyond computing. The CPU needs none of it.
struct Abilities {
  // Work is queued, and the host goes on: streams, events, and memory that is recorded for a stream.
  bool streams = false;
  // Copies from and to pinned memory of the host, for which nobody waits.
  bool pinnedMemory = false;
  // A convolution with sum and ReLU as one kernel, by cuDNN's operators.
  bool fusedConvolutions = false;
  // NVIDIA's driver tells its name and its memory.
  bool memoryFigures = false;
};

// A kind of accelerator that can be driven, such as cuda, and how many of its devices libtorch sees here.
struct Accelerator {
  c10::DeviceType type;
  std::string name;
  Abilities abilities;
  // Whether `auto` may take it.
  bool isAutomatic;
  int devices;
};

std::vector<Accelerator> accelerators();

Abilities abilitiesOf(const c10::Device& device);

// Whether the host's own code may read and write what lies there.
bool isHost(const c10::Device& device);

// The device of that name, with an index; nothing for one that cannot be driven.
std::optional<c10::Device> deviceNamed(const std::string& name);

// Such as `cpu, cuda:n or xpu:n`.
std::string deviceNames();

}  // namespace spurmem
