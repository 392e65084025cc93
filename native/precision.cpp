#include "precision.h"

#include <ATen/core/dispatch/Dispatcher.h>

namespace spurmem {

bool hasFastBf16() {
  const auto asks = c10::Dispatcher::singleton().findSchema({"mkldnn::_is_mkldnn_bf16_supported", ""});
  if (!asks) return false;
  torch::jit::Stack stack;
  asks->callBoxed(stack);
  return stack.back().toBool();
}

}  // namespace spurmem
