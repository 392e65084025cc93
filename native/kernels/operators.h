// Operators of libtorch that are looked up by name: they are internal ones, which another version may rename
// or change. What they do is computed step by step where they are not found.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include <array>
#include <optional>

namespace spurmem {

struct NamedOperator {
  const char* name;
  // Those of its schema: with another number, it is another operator.
  size_t arguments;
  const char* overload;
  // The cost of its absence, in words.
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
inline constexpr NamedOperator kFusedAdam{
    "aten::_fused_adam_", 15, "",
    "a step of Adam takes 3.5 times as long, one of ResNet-18's training 1.06 times"};
inline constexpr NamedOperator kHasBf16{"mkldnn::_is_mkldnn_bf16_supported", 0, "",
                                        "bf16 is taken for slow, and evaluation in bf16 as without the "
                                        "convolutions above"};

inline constexpr std::array kOperators{kConvolution, kConvolutionInto, kReorderedWeight, kFusedAdam,
                                       kHasBf16};

// In this libtorch; none where the variable SPURMEM_FUSION is `off`, as in a libtorch that lacks it.
std::optional<c10::OperatorHandle> findOperator(const NamedOperator& wanted);

// The same, whatever the variable says.
std::optional<c10::OperatorHandle> operatorInLibtorch(const NamedOperator& wanted);

// By the operator's schema: its C++ types differ between versions of libtorch.
c10::IValue callOperator(const c10::OperatorHandle& operation, torch::jit::Stack arguments);

bool isFusionOff();

}  // namespace spurmem
