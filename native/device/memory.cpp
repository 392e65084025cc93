#include "memory.h"

#include <ATen/DynamicLibrary.h>
#include <c10/util/Exception.h>

#include <array>
#include <exception>
#include <memory>

#include "accelerator.h"

namespace spurmem {

namespace {

// NVIDIA's driver, by the interface that it keeps stable. No header and no library of CUDA's: one build of
// the addon serves a libtorch for CPUs and one with CUDA.
class Driver {
 public:
  // Null where there is none.
  static Driver* instance() {
    static const auto driver = open();
    return driver.get();
  }

  template <class... Arguments>
  void call(const char* name, Arguments... arguments) {
    const auto function = reinterpret_cast<int (*)(Arguments...)>(library_.sym(name));
    const int status = function(arguments...);
    TORCH_CHECK(status == 0, name, " of NVIDIA's driver failed with ", status);
  }

 private:
  static std::unique_ptr<Driver> open() {
    try {
      return std::make_unique<Driver>();
    } catch (const std::exception&) {
      return nullptr;
    }
  }

  at::DynamicLibrary library_{"libcuda.so.1", nullptr, /*leak_handle=*/true};
};

}  // namespace

std::optional<DeviceMemory> memoryOf(const c10::Device& device) {
  auto* driver = abilitiesOf(device).memoryFigures ? Driver::instance() : nullptr;
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
