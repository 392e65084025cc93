// libtorch's CPU memory from a cache of whole blocks.
//
// Why it is here: against malloc, ResNet-50's ERM step at 224 px and batch 16 needed 2.32 GB instead of 2.63
// GB at its peak and was 8 % faster (docs/design.md). A malloc that returns nothing to the system
// (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD) is as fast, but needs 1.21 GB instead of 1.11 at 128 px.
#pragma once

#include <cstddef>

namespace spurmem {

// Installs the block cache as libtorch's CPU allocator. Called once, before the first tensor.
void installAllocator();

// Makes this thread's larger allocations fail while it lives, before they take memory.
class AllocationLimit {
 public:
  explicit AllocationLimit(size_t bytes);
  ~AllocationLimit();
  AllocationLimit(const AllocationLimit&) = delete;
  AllocationLimit& operator=(const AllocationLimit&) = delete;

 private:
  size_t before_;
};

// Returns the cached blocks to the system, for a process without jobs.
void returnKeptMemory();

}  // namespace spurmem
