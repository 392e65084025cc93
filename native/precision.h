// The precision that a network's layers compute in.
#pragma once

#include <ATen/autocast_mode.h>

namespace spurmem {

// Whether oneDNN computes convolutions in bfloat16 on this CPU; libtorch's own loops are many times slower.
bool hasFastBf16();

// torch.autocast(device, dtype=torch.bfloat16) in a scope, or nothing for float32. The cache of cast weights
// goes with the scope: kept longer, training would go on with the weights of the step before.
class PrecisionGuard {
 public:
  PrecisionGuard(bool isBf16, at::DeviceType device) : isBf16_(isBf16), device_(device) {
    if (!isBf16_) return;
    enabledBefore_ = at::autocast::is_autocast_enabled(device_);
    dtypeBefore_ = at::autocast::get_autocast_dtype(device_);
    at::autocast::set_autocast_dtype(device_, at::kBFloat16);
    at::autocast::set_autocast_enabled(device_, true);
  }

  ~PrecisionGuard() {
    if (!isBf16_) return;
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, enabledBefore_);
    at::autocast::set_autocast_dtype(device_, dtypeBefore_);
  }

  PrecisionGuard(const PrecisionGuard&) = delete;
  PrecisionGuard& operator=(const PrecisionGuard&) = delete;

 private:
  bool isBf16_;
  at::DeviceType device_;
  bool enabledBefore_ = false;
  at::ScalarType dtypeBefore_ = at::kBFloat16;
};

}  // namespace spurmem
