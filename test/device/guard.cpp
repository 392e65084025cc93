// The parts of a device besides operators that libtorch asks for: its allocators, streams, events and hooks.
// It has no generator: this project draws on the CPU.
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <atomic>
#include <cstring>

#include "device.h"

namespace testdevice {

void registerTheCpusKernels();

namespace {

thread_local c10::DeviceIndex deviceAtWork = 0;
thread_local std::array<int, kDevices> streamsAtWork{};

struct DeviceAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    const c10::Device device(kType, deviceAtWork);
    if (bytes == 0) return {nullptr, device};
    void* data = testdevice::allocate(deviceAtWork, bytes, currentStream(deviceAtWork));
    TORCH_CHECK_WITH(OutOfMemoryError, data != nullptr, "test device out of memory. Tried to allocate ",
                     bytes, " bytes");
    return {data, data, &release, device};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(twinOf(to), twinOf(from), bytes);
  }
};

struct PinnedAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    void* data = allocatePinned(bytes);
    return {data, data, &releasePinned, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &releasePinned; }
  void copy_data(void* to, const void* from, size_t bytes) const override { std::memcpy(to, from, bytes); }
};

int numberOf(const c10::Stream& stream) { return streamOf(stream.device_index(), stream.id()); }

struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return kType; }
  c10::Device getDevice() const override { return {kType, deviceAtWork}; }
  c10::DeviceIndex deviceCount() const noexcept override { return kDevices; }
  c10::Device exchangeDevice(c10::Device device) const override {
    const auto before = getDevice();
    setDevice(device);
    return before;
  }
  void setDevice(c10::Device device) const override {
    TORCH_CHECK(device.index() < kDevices, "there are ", kDevices, " test devices, and none is ", device);
    uncheckedSetDevice(device);
  }
  void uncheckedSetDevice(c10::Device device) const noexcept override {
    if (device.has_index()) deviceAtWork = device.index();
  }

  static c10::Stream streamNumbered(c10::Device device, int64_t id) {
    return c10::Stream(c10::Stream::UNSAFE, deviceOr(device), id);
  }
  c10::Stream getDefaultStream(c10::Device device) const override { return streamNumbered(device, 0); }
  c10::Stream getStream(c10::Device device) const noexcept override {
    return streamNumbered(device, streamsAtWork[deviceOr(device).index()]);
  }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool) const override {
    static std::atomic<int> next{0};
    return streamNumbered(device, 1 + next++ % (kStreamsEach - 1));
  }
  c10::Stream exchangeStream(c10::Stream stream) const noexcept override {
    const auto before = getStream(stream.device());
    streamsAtWork[stream.device_index()] = static_cast<int>(stream.id());
    return before;
  }
  void synchronizeStream(const c10::Stream& stream) const override {
    testdevice::synchronizeStream(numberOf(stream), "a stream");
  }
  void synchronizeDevice(c10::DeviceIndex device) const override {
    for (int id = 0; id < kStreamsEach; ++id) testdevice::synchronizeStream(streamOf(device, id), "a device");
  }

  void record(void** event, const c10::Stream& stream, c10::DeviceIndex, c10::EventFlag) const override {
    if (*event == nullptr) *event = new Event;
    testdevice::record(*static_cast<Event*>(*event), numberOf(stream));
  }
  void block(void* event, const c10::Stream& stream) const override {
    if (event != nullptr) testdevice::block(*static_cast<Event*>(event), numberOf(stream));
  }
  void synchronizeEvent(void* event) const override {
    if (event != nullptr) synchronize(*static_cast<Event*>(event), "an event");
  }
  void destroyEvent(void* event, c10::DeviceIndex) const noexcept override {
    delete static_cast<Event*>(event);
  }
  void recordDataPtrOnStream(const c10::DataPtr& data, const c10::Stream& stream) const override {
    if (data.get() != nullptr) recordUse(data.get(), numberOf(stream));
  }
};

#ifdef TEST_DEVICE_AS_CUDA
struct Hooks final : at::CUDAHooksInterface {
  explicit Hooks(at::CUDAHooksArgs) {}
  bool hasCUDA() const override { return true; }
  c10::DeviceIndex current_device() const override { return deviceAtWork; }
  int getNumGPUs() const override { return kDevices; }
  at::Allocator* getCUDADeviceAllocator() const override { return deviceAllocator(); }
  void deviceSynchronize(c10::DeviceIndex device) const override { Guard().synchronizeDevice(device); }
#else
struct Hooks final : at::PrivateUse1HooksInterface {
  // Asked by newer versions of libtorch.
  bool isBuilt() const { return true; }
  bool isAvailable() const { return true; }
#endif
  void init() const override {}
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return kDevices; }
  c10::DeviceIndex getCurrentDevice() const override { return deviceAtWork; }
  c10::Device getDeviceFromPtr(void* data) const override {
    return {kType, static_cast<c10::DeviceIndex>(deviceOf(data))};
  }
  bool isPinnedPtr(const void* data) const override { return isPinned(data); }
  at::Allocator* getPinnedMemoryAllocator() const override { return pinnedAllocator(); }
};

const bool isRegistered = [] {
  registerTheCpusKernels();
  static c10::impl::DeviceGuardImplRegistrar guard(kType, new Guard);
  c10::SetAllocator(kType, deviceAllocator());
#ifndef TEST_DEVICE_AS_CUDA
  at::RegisterPrivateUse1HooksInterface(new Hooks);
  c10::register_privateuse1_backend("test");
#endif
  watchFaults();
  return true;
}();

}  // namespace

c10::Allocator* deviceAllocator() {
  static auto* allocator = new DeviceAllocator;
  return allocator;
}

c10::Allocator* pinnedAllocator() {
  static auto* allocator = new PinnedAllocator;
  return allocator;
}

c10::DeviceIndex currentDevice() { return deviceAtWork; }

int currentStream(c10::DeviceIndex device) { return streamOf(device, streamsAtWork[device]); }

c10::Device deviceOr(std::optional<c10::Device> named) {
  return named && named->has_index() ? *named : c10::Device(kType, deviceAtWork);
}

}  // namespace testdevice

#ifdef TEST_DEVICE_AS_CUDA
namespace at {
using TestDeviceHooks = testdevice::Hooks;
C10_REGISTER_CLASS(CUDAHooksRegistry, CUDAHooks, TestDeviceHooks)
}  // namespace at
#endif
