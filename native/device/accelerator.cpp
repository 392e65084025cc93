#include "accelerator.h"

#include <ATen/DynamicLibrary.h>
#include <c10/core/DeviceType.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>

#include <array>
#include <exception>
#include <memory>

namespace spurmem {

namespace {

// The device that tests register under the key that libtorch leaves to others (test/device).
constexpr auto kTestDevice = "test";

int countOf(c10::DeviceType type) {
  return c10::impl::hasDeviceGuardImpl(type) ? c10::impl::VirtualGuardImpl(type).deviceCount() : 0;
}

// NVIDIA's driver, by the interface that it keeps stable. No header and no library of CUDA's: one build of
// the addon serves a libtorch for CPUs and one with CUDA.
class Driver {
 public:
  // Null if there is none.
  static Driver* instance() {
    static const auto driver = []() -> std::unique_ptr<Driver> {
      try {
        return std::make_unique<Driver>();
      } catch (const std::exception&) {
        return nullptr;
      }
    }();
    return driver.get();
  }

  template <class... Arguments>
  void call(const char* name, Arguments... arguments) {
    const auto function = reinterpret_cast<int (*)(Arguments...)>(library_.sym(name));
    const int status = function(arguments...);
    TORCH_CHECK(status == 0, name, " of NVIDIA's driver failed with ", status);
  }

 private:
  at::DynamicLibrary library_{"libcuda.so.1", nullptr, /*leak_handle=*/true};
};

}  // namespace

std::vector<Accelerator> accelerators() {
  const auto cuda = c10::DeviceType::CUDA, other = c10::DeviceType::PrivateUse1;
  std::vector<Accelerator> all{{cuda, "cuda", countOf(cuda)}};
  if (c10::is_privateuse1_backend_registered() && c10::get_privateuse1_backend() == kTestDevice) {
    all.push_back({other, kTestDevice, countOf(other)});
  }
  return all;
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
  for (const auto& one : accelerators()) {
    if (one.type != device->type()) continue;
    if (!device->has_index()) device->set_index(0);
    return device;
  }
  return std::nullopt;
}

std::string deviceNames() {
  std::string names = "cpu";
  for (const auto& one : accelerators()) names += " or " + one.name + ":n";
  return names;
}

std::optional<DeviceMemory> memoryOf(const c10::Device& device) {
  auto* driver = device.is_cuda() ? Driver::instance() : nullptr;
  if (driver == nullptr) return std::nullopt;
  int handle = 0;
  std::array<char, 256> name{};
  driver->call("cuDeviceGet", &handle, static_cast<int>(device.index()));
  driver->call("cuDeviceGetName", name.data(), static_cast<int>(name.size()), handle);
  // The context that libtorch computes in.
  void* context = nullptr;
  size_t free = 0, total = 0;
  driver->call("cuDevicePrimaryCtxRetain", &context, handle);
  driver->call("cuCtxPushCurrent_v2", context);
  driver->call("cuMemGetInfo_v2", &free, &total);
  driver->call("cuCtxPopCurrent_v2", &context);
  driver->call("cuDevicePrimaryCtxRelease_v2", handle);
  return DeviceMemory{name.data(), static_cast<double>(free), static_cast<double>(total)};
}

std::optional<int> driverVersion() {
  auto* driver = Driver::instance();
  if (driver == nullptr) return std::nullopt;
  int version = 0;
  driver->call("cuDriverGetVersion", &version);
  return version;
}

}  // namespace spurmem
