#include "allocator.h"

#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace spurmem {

namespace {

// Blocks below this size are malloc's.
constexpr size_t smallest = size_t{64} << 10;
constexpr size_t hugePage = size_t{2} << 20;
// libtorch's alignment of CPU memory. The offset also distinguishes large blocks from most of malloc's.
constexpr size_t offset = 64;

// Kept free for oneDNN, which crashes without an error if it cannot allocate its scratch memory.
constexpr size_t leftFree = size_t{128} << 20;

// Bounds the allocations of a thread.
thread_local size_t maxBytes = SIZE_MAX;

// With 1, gradients and activations would evict each other in every step.
constexpr double headroom = 1.5;

size_t roundUp(size_t value, size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// At least 4 KiB; 64 KiB on some arm64 systems.
size_t pageSize() {
  static const auto size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

// Large blocks straight from the system, kept for the next tensor of about the same size. A training step
// asks for the same sizes again and again; malloc either returns such memory at once, so that each step pays
// for fresh zeroed pages, or splits it until the process has grown by some tens of MB. Blocks here are never
// split, and kept ones are returned, oldest first, before used and kept ones together would exceed `headroom`
// times the peak use, and all of them once the process has no job left.
class BlockCache {
 public:
  void* take(size_t bytes) {
    const auto wanted = bytes + offset;
    const auto size = roundUp(wanted, wanted >= 8 * hugePage ? hugePage : pageSize());
    std::lock_guard lock(mutex_);
    const auto limit = static_cast<size_t>(headroom * static_cast<double>(std::max(peak_, used_ + size)));
    const auto isFull = [&] { return used_ + keptBytes_ + size > limit; };
    // A block that is a little too large is worth more than a new one, and one that is much too large more
    // than to return another, since its pages are there. Networks that join their layers' outputs ask for
    // more sizes than are kept.
    auto best = smallestOf(size, size + size / 8);
    if (best == kept_.end() && isFull()) best = smallestOf(size, 2 * size);
    if (best != kept_.end()) return hand(withdraw(best));
    while (!kept_.empty() && isFull()) unmap(withdraw(kept_.begin()));
    void* base = map(size);
    if (base == MAP_FAILED) {
      // Kept blocks are returned before memory runs out.
      unmapKept();
      base = map(size);
    }
    if (base == MAP_FAILED) return nullptr;
#ifdef MADV_HUGEPAGE
    if (size >= 2 * hugePage) madvise(base, size, MADV_HUGEPAGE);
#endif
    return hand({base, size});
  }

  // Returns whether the address is its own, and then keeps the block.
  bool giveBack(void* data) {
    if (reinterpret_cast<uintptr_t>(data) % pageSize() != offset) return false;
    std::lock_guard lock(mutex_);
    const auto found = sizes_.find(data);
    if (found == sizes_.end()) return false;
    const Block block{static_cast<char*>(data) - offset, found->second};
    sizes_.erase(found);
    used_ -= block.size;
    keptBytes_ += block.size;
    kept_.push_back(block);
    return true;
  }

  void forget() {
    std::lock_guard lock(mutex_);
    unmapKept();
    peak_ = used_;
  }

 private:
  struct Block {
    void* base;
    size_t size;
  };

  // Fails unless `leftFree` bytes remain.
  static void* map(size_t size) {
    void* base = mmap(nullptr, size + leftFree, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base != MAP_FAILED) munmap(static_cast<char*>(base) + size, leftFree);
    return base;
  }

  static void unmap(const Block& block) { munmap(block.base, block.size); }

  void unmapKept() {
    for (const auto& block : kept_) unmap(block);
    kept_.clear();
    keptBytes_ = 0;
  }

  void* hand(const Block& block) {
    void* data = static_cast<char*>(block.base) + offset;
    sizes_.emplace(data, block.size);
    used_ += block.size;
    peak_ = std::max(peak_, used_);
    return data;
  }

  // Returns the smallest kept block within these sizes.
  std::vector<Block>::iterator smallestOf(size_t least, size_t most) {
    auto best = kept_.end();
    for (auto block = kept_.begin(); block != kept_.end(); ++block) {
      const bool fits = block->size >= least && block->size <= most;
      if (fits && (best == kept_.end() || block->size < best->size)) best = block;
    }
    return best;
  }

  // Takes a block out of the kept ones.
  Block withdraw(std::vector<Block>::iterator place) {
    const auto block = *place;
    keptBytes_ -= block.size;
    kept_.erase(place);
    return block;
  }

  std::mutex mutex_;
  std::unordered_map<void*, size_t> sizes_;  // of the blocks in use, by their data
  std::vector<Block> kept_;                  // longest kept first
  size_t used_ = 0, keptBytes_ = 0, peak_ = 0;
};

BlockCache& cache() {
  // Never destroyed: tensors may be freed while the process exits.
  static auto* blocks = new BlockCache();
  return *blocks;
}

class Allocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* data = nullptr;
    TORCH_CHECK(bytes <= maxBytes, "a tensor of ", bytes,
                " bytes is more than a call with these arguments may make: ", maxBytes, " bytes");
    if (bytes < smallest) {
      data = c10::GetDefaultCPUAllocator()->raw_allocate(bytes);
    } else {
      data = cache().take(bytes);
      TORCH_CHECK(data, "out of memory: this process can have no ", bytes, " bytes for a tensor");
    }
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

 private:
  static void release(void* data) {
    if (data && !cache().giveBack(data)) c10::GetDefaultCPUAllocator()->raw_deallocate(data);
  }
};

}  // namespace

void installAllocator() {
  static Allocator allocator;
  c10::SetCPUAllocator(&allocator, /*priority=*/1);
}

AllocationLimit::AllocationLimit(size_t bytes) : before_(std::exchange(maxBytes, bytes)) {}
AllocationLimit::~AllocationLimit() { maxBytes = before_; }

void returnKeptMemory() { cache().forget(); }

}  // namespace spurmem
