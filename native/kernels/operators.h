// Internal operators of libtorch, looked up by name because other versions may rename or change them. Without
// the convolutions, layers run one after the other.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <string>

namespace spurmem {

struct NamedOperator {
  const char* name;
  // The number of its schema's arguments; a different number means a different operator.
  size_t arguments;
  const char* overload;
  // Warning shown when this operator is missing.
  const char* without;
};

inline constexpr NamedOperator kConvolution{
    "mkldnn::_convolution_pointwise", 10, "",
    "evaluation computes convolution, batch-norm and ReLU one after the other: ResNet-50 takes 1.1 times as "
    "long"};
inline constexpr NamedOperator kConvolutionInto{"mkldnn::_convolution_pointwise_", 13, "binary",
                                                kConvolution.without};
inline constexpr NamedOperator kReorderedWeight{"mkldnn::_reorder_convolution_weight", 6, "",
                                                kConvolution.without};
inline constexpr NamedOperator kFusedAdam{"aten::_fused_adam_", 15, "", "no network can be trained"};
inline constexpr NamedOperator kHasBf16{"mkldnn::_is_mkldnn_bf16_supported", 0, "",
                                        "bf16 is taken for slow, and evaluation in bf16 as without the "
                                        "convolutions above"};

inline constexpr std::array kOperators{kConvolution, kConvolutionInto, kReorderedWeight, kFusedAdam,
                                       kHasBf16};

inline bool isFusionOff() {
  static const auto* fusion = std::getenv("SPURMEM_FUSION");
  return fusion != nullptr && std::string(fusion) == "off";
}

// Returns nullopt if this libtorch lacks it.
inline std::optional<c10::OperatorHandle> operatorInLibtorch(const NamedOperator& wanted) {
  const auto found = c10::Dispatcher::singleton().findSchema({wanted.name, wanted.overload});
  return found && found->schema().arguments().size() == wanted.arguments ? found : std::nullopt;
}

// Like operatorInLibtorch, but returns nullopt if the variable SPURMEM_FUSION is `off`.
inline std::optional<c10::OperatorHandle> findOperator(const NamedOperator& wanted) {
  return isFusionOff() ? std::nullopt : operatorInLibtorch(wanted);
}

// Calls by the operator's schema: its C++ types differ between versions of libtorch.
inline c10::IValue callOperator(const c10::OperatorHandle& operation, torch::jit::Stack arguments) {
  operation.callBoxed(arguments);
  return arguments.empty() ? c10::IValue() : arguments.back();
}

}  // namespace spurmem
