// Shared by all parts of the runtime. Who touches it holds the mutex.
#pragma once

#include <list>
#include <mutex>
#include <set>
#include <utility>

#include "runtime.h"

namespace testdevice {

constexpr size_t kPage = 4096;
inline size_t wholePages(size_t bytes) { return bytes == 0 ? kPage : (bytes + kPage - 1) / kPage * kPage; }

struct Block {
  size_t size = 0;
  int stream = 0;  // that it was allocated for
  bool isFree = false;
  // The last kernel that wrote it, and of each stream the last one that read it.
  int writer = -1;
  uint64_t written = 0;
  std::string writtenBy{};
  Clock read{};
  std::set<int> recorded{};
  // Once free: what must be over before it is used again.
  Clock wait{};
};

struct Pinned {
  char* base = nullptr;
  size_t size = 0;
  int arriving = 0, leaving = 0;  // copies under way to it, and from it
  bool isReleased = false;
};

// A copy between pinned memory and a stream.
struct Copy {
  int stream;
  uint64_t time;
  char* host;
  size_t size;
  bool isArrival;
  std::vector<char> bytes{};  // of an arrival
  size_t hash = 0;            // of what left
};

struct State {
  std::mutex mutex;
  char *addresses = nullptr, *twins = nullptr;
  std::map<char*, Block> blocks;
  std::map<std::pair<int, size_t>, std::vector<char*>> kept;  // free ones, by stream and size
  std::array<char*, kDevices> next{};
  std::array<size_t, kDevices> used{};
  std::map<char*, Pinned> pinned;
  std::list<Copy> copies;
  std::array<Clock, kStreams> clocks{};
  Clock seen{};  // by any thread of the host
  Report report;
  size_t capacity = size_t{8} << 30;
  uint64_t allocationsLeft = 0, launchesLeft = 0, waitsLeft = 0;  // until one fails; 0: none does
  bool isLost = false;

  State();
  void requireDevice() const {
    if (isLost) throw DeviceLost();
  }
  void hazard(const std::string& what) { ++report.hazards[what]; }
};

State& state();

void join(Clock& clock, const Clock& other);

// The work that this thread of the host knows to be over.
Clock& hostClock();

// The copies that have arrived once the host knows so much.
void arrive(State& all);

// The entry whose memory holds an address; null where there is none.
template <class Entry>
Entry* entryAt(std::map<char*, Entry>& entries, const void* data) {
  auto* address = static_cast<char*>(const_cast<void*>(data));
  auto found = entries.upper_bound(address);
  if (found == entries.begin()) return nullptr;
  --found;
  return address < found->first + found->second.size ? &found->second : nullptr;
}

bool isDeviceAddress(const void* data);

}  // namespace testdevice
