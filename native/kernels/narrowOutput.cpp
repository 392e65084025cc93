#include "narrowOutput.h"

#include <ATen/autocast_mode.h>

namespace spurmem {

bool hasAmx() {
#if defined(__x86_64__)
  // The processor's and the system's word; libtorch's function for it is not in every version.
  return __builtin_cpu_supports("amx-tile") != 0;
#else
  return false;
#endif
}

bool isBf16(const at::Tensor& x) {
  if (x.scalar_type() == at::kBFloat16) return true;
  return at::autocast::is_autocast_enabled(at::kCPU) &&
         at::autocast::get_autocast_dtype(at::kCPU) == at::kBFloat16;
}

bool amxMisreads(const at::Tensor& x, const ConvShape& shape) {
  const auto& [kernel, stride, padding] = shape;
  if (!x.is_cpu() || x.dim() != 4 || kernel == 1 || stride == 1) return false;
  const auto room = x.size(3) + 2 * padding - kernel;
  if (room < 0 || room >= stride) return false;
  return hasAmx() && isBf16(x);
}

}  // namespace spurmem
