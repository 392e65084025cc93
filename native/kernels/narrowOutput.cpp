#include "narrowOutput.h"

#include <ATen/autocast_mode.h>
#include <ATen/cpu/Utils.h>

namespace spurmem {

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
  static const bool hasAmx = at::cpu::is_amx_tile_supported();
  return hasAmx && isBf16(x);
}

}  // namespace spurmem
