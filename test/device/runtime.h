// A device made of the host's memory: what CUDA's runtime is to a GPU. Kernels run at once, and what a card
// would do at another time is checked by clocks: whether each kernel may touch its memory does not depend on
// timing. Nothing here knows libtorch.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace testdevice {

constexpr int kDevices = 2, kStreamsEach = 16, kStreams = kDevices * kStreamsEach;

// The last kernel of each stream that is known to be over.
using Clock = std::array<uint64_t, kStreams>;

// A stream is its number among those of all devices.
inline int streamOf(int device, int64_t id) { return device * kStreamsEach + static_cast<int>(id); }

// Thrown by each call once the device is lost, as a GPU's error stays.
struct DeviceLost : std::exception {
  const char* what() const noexcept override { return "the device is lost: each call fails from now on"; }
};

// ---- Memory of a device: addresses that the host may not touch, and their twins that kernels use.

// Null where there is none left.
void* allocate(int device, size_t bytes, int stream);
void release(void* data);
// A stream other than the one that it was allocated for uses it.
void recordUse(const void* data, int stream);
// Where the bytes of an address lie.
void* twinOf(const void* data);
int deviceOf(const void* data);

// ---- Pinned memory of the host.

void* allocatePinned(size_t bytes);
void releasePinned(void* data);
bool isPinned(const void* data);
// A stream writes these bytes there: they are there once the host has waited for it, and until then nobody
// may look.
void sendToPinned(int stream, void* pinned, std::vector<char> bytes);
// A stream reads bytes of the host, which may change once the stream has done so.
void readFromHost(int stream, const void* data, size_t bytes);

// ---- Streams and events.

struct Access {
  const void* data;
  bool writes;
};

// A kernel: reports what it may not touch yet, or no longer.
void launch(int stream, const std::vector<Access>& touched, const char* name);

// The work that is over once it has come.
struct Event {
  Clock clock{};
};

void record(Event& event, int stream);
void block(const Event& event, int stream);
// The host waits; `why` is counted.
void synchronize(const Event& event, const char* why);
void synchronizeStream(int stream, const char* why);

// ---- What went wrong, and how often the host waited, in words with their number.

struct Report {
  std::map<std::string, uint64_t> hazards;    // that a GPU would have taken for right, sometimes
  std::map<std::string, uint64_t> faults;     // of the host, in memory that is not its own
  std::map<std::string, uint64_t> waits;      // why, and after which operator of the same thread
  std::array<uint64_t, kDevices> launches{};  // of kernels, by device
};

Report report();
void forgetReport();
void noteWait(const char* why);
// The work of this thread now: reports name it. The text must live on.
void noteOperator(const char* name);
void watchFaults();

// ---- What tests ask for.

void setCapacity(size_t bytes);  // of each device
size_t usedBytes(int device);
void failAllocation(uint64_t number);  // the one after that many; 0: none
void loseDevice(uint64_t launches);    // after that many from now on
void loseDeviceAtWait(uint64_t number);
void findDevice();  // nothing fails any more

}  // namespace testdevice
