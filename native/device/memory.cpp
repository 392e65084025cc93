#include "memory.h"

#ifdef SPURMEM_CUDA
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>
#endif

namespace spurmem {

std::optional<DeviceMemory> memoryOf(const c10::Device& device) {
#ifdef SPURMEM_CUDA
  if (!device.is_cuda()) return std::nullopt;
  const c10::cuda::CUDAGuard guard(device);
  size_t free = 0, total = 0;
  C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
  cudaDeviceProp properties{};
  C10_CUDA_CHECK(cudaGetDeviceProperties(&properties, device.index()));
  return DeviceMemory{properties.name, static_cast<double>(free), static_cast<double>(total)};
#else
  return std::nullopt;
#endif
}

}  // namespace spurmem
