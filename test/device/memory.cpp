// Device memory: a reservation of addresses that nobody may touch, and the same pages once more for kernels.
// Blocks are kept for their stream and size, as a GPU's caching allocator keeps them.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "state.h"

namespace testdevice {

namespace {

constexpr size_t kSpace = size_t{1} << 36;  // of addresses, for each device

char* mapped(int file, int protection) {
  void* data = mmap(nullptr, kSpace * kDevices, protection, MAP_SHARED | MAP_NORESERVE, file, 0);
  if (data == MAP_FAILED) throw std::runtime_error("no room for the addresses of the test device");
  return static_cast<char*>(data);
}

// A block that is free for this stream, which goes on once nobody's use of it is under way.
char* takeKept(State& all, int stream, size_t size) {
  auto& kept = all.kept[{stream, size}];
  if (kept.empty()) return nullptr;
  auto* data = kept.back();
  kept.pop_back();
  join(all.clocks[stream], all.blocks.at(data).wait);
  return data;
}

}  // namespace

State::State() {
  const int file = memfd_create("test device", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, kSpace * kDevices) != 0) {
    throw std::runtime_error("no memory for the test device");
  }
  addresses = mapped(file, PROT_NONE);
  twins = mapped(file, PROT_READ | PROT_WRITE);
  for (int i = 0; i < kDevices; ++i) next[i] = addresses + i * kSpace;
}

// Never destroyed: tensors may be freed while the process exits.
State& state() {
  static auto* all = new State;
  return *all;
}

bool isDeviceAddress(const void* data) {
  const auto& all = state();
  return data >= all.addresses && data < all.addresses + kSpace * kDevices;
}

void* twinOf(const void* data) {
  if (data == nullptr) return nullptr;
  const auto& all = state();
  return all.twins + (static_cast<const char*>(data) - all.addresses);
}

int deviceOf(const void* data) {
  return static_cast<int>((static_cast<const char*>(data) - state().addresses) / kSpace);
}

void* allocate(int device, size_t bytes, int stream) {
  auto& all = state();
  const std::lock_guard lock(all.mutex);
  all.requireDevice();
  const auto size = wholePages(bytes);
  const bool fails = all.allocationsLeft > 0 && --all.allocationsLeft == 0;
  if (fails || all.used[device] + size > all.capacity) return nullptr;
  auto* data = takeKept(all, stream, size);
  if (data == nullptr) {
    data = all.next[device];
    all.next[device] += size + kPage;  // what lies between belongs to no block
    all.blocks[data] = Block{size, stream};
  }
  auto& block = all.blocks.at(data);
  block.isFree = false;
  block.recorded.clear();
  all.used[device] += size;
  std::memset(twinOf(data), 0xff, size);  // NaN, for who reads before it writes
  return data;
}

void release(void* data) {
  auto& all = state();
  const std::lock_guard lock(all.mutex);
  auto& block = all.blocks.at(static_cast<char*>(data));
  all.used[deviceOf(data)] -= block.size;
  block.isFree = true;
  block.wait = {};
  for (int other = 0; other < kStreams; ++other) {
    const auto last = std::max(block.read[other], block.writer == other ? block.written : 0);
    if (other == block.stream || last <= all.clocks[block.stream][other]) continue;
    if (block.recorded.count(other) == 0 && last > hostClock()[other]) {
      all.hazard("memory of stream " + std::to_string(block.stream) + " is freed while stream " +
                 std::to_string(other) + " uses it, which was recorded nowhere");
    }
    block.wait[other] = last;
  }
  all.kept[{block.stream, block.size}].push_back(static_cast<char*>(data));
}

void recordUse(const void* data, int stream) {
  auto& all = state();
  const std::lock_guard lock(all.mutex);
  if (auto* block = entryAt(all.blocks, data)) block->recorded.insert(stream);
}

void setCapacity(size_t bytes) { state().capacity = bytes; }

size_t usedBytes(int device) { return state().used[device]; }

void failAllocation(uint64_t number) { state().allocationsLeft = number; }

}  // namespace testdevice
