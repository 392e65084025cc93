#include "accelerator.h"

#include <c10/core/DeviceType.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>

#include <algorithm>

namespace spurmem {

namespace {

using c10::DeviceType;

// The device that tests register under the key that libtorch leaves to others (test/device).
constexpr auto kTestDevice = "test";

struct Kind {
  DeviceType type;
  const char* name;
  Abilities abilities;
  bool isAutomatic;
};

// ROCm's build of libtorch calls its devices cuda.
constexpr Kind kKinds[] = {
    {DeviceType::CUDA, "cuda", {true, true, true, true}, true},
    {DeviceType::XPU, "xpu", {true, true, false, false}, true},
    {DeviceType::PrivateUse1, kTestDevice, {true, true, true, false}, false},
};

int countOf(DeviceType type) {
  return c10::impl::hasDeviceGuardImpl(type) ? c10::impl::VirtualGuardImpl(type).deviceCount() : 0;
}

bool isKnown(const Kind& kind) {
  return kind.type != DeviceType::PrivateUse1 ||
         (c10::is_privateuse1_backend_registered() && c10::get_privateuse1_backend() == kTestDevice);
}

}  // namespace

std::vector<Accelerator> accelerators() {
  std::vector<Accelerator> all;
  for (const auto& kind : kKinds) {
    if (!isKnown(kind)) continue;
    all.push_back({kind.type, kind.name, kind.abilities, kind.isAutomatic, countOf(kind.type)});
  }
  return all;
}

Abilities abilitiesOf(const c10::Device& device) {
  for (const auto& kind : kKinds) {
    if (kind.type == device.type()) return kind.abilities;
  }
  return {};
}

bool isHost(const c10::Device& device) { return device.is_cpu(); }

std::optional<c10::Device> deviceNamed(const std::string& name) {
  std::optional<c10::Device> device;
  try {
    device.emplace(name);
  } catch (const c10::Error&) {
    return std::nullopt;
  }
  if (isHost(*device)) return device;
  const auto isOfIt = [&device](const Kind& kind) { return kind.type == device->type() && isKnown(kind); };
  if (std::none_of(std::begin(kKinds), std::end(kKinds), isOfIt)) return std::nullopt;
  if (!device->has_index()) device->set_index(0);
  return device;
}

std::string deviceNames() {
  std::string names = "cpu";
  const auto all = accelerators();
  for (const auto& one : all) names += (one.type == all.back().type ? " or " : ", ") + one.name + ":n";
  return names;
}

}  // namespace spurmem
