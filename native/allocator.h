#pragma once

namespace spurmem {

// Makes libtorch take its CPU memory from the process's block cache. Called once, before the first tensor.
void installAllocator();

}  // namespace spurmem
