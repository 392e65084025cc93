// Kernels that a GPU has and the CPU has by other names: cuDNN's fused convolutions and the flash attention.
// And what autocast casts there.
#include <ATen/autocast_mode.h>
#include <ATen/native/transformers/attention.h>
#include <torch/library.h>

#include "device.h"

namespace testdevice {

namespace {

using c10::IValue;

IValue call(const char* name, const char* overload, torch::jit::Stack arguments) {
  c10::Dispatcher::singleton().findSchemaOrThrow(name, overload).callBoxed(arguments);
  return arguments.back();
}

c10::List<std::optional<at::Scalar>> noScalars() { return c10::List<std::optional<at::Scalar>>(); }

// relu(convolution), by oneDNN.
at::Tensor convolutionRelu(const at::Tensor& x, const at::Tensor& weight,
                           const std::optional<at::Tensor>& bias, at::IntArrayRef stride,
                           at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups) {
  Twins twins;
  launchOn(x.device(), {reads(x), reads(weight), reads(*bias)}, "aten::cudnn_convolution_relu");
  const auto made = call("mkldnn::_convolution_pointwise", "",
                         {twins.of(x), twins.of(weight), twins.of(*bias), padding.vec(), stride.vec(),
                          dilation.vec(), groups, "relu", noScalars(), ""})
                        .toTensor();
  std::vector<Access> written;
  auto result = twins.back(made, x.device(), written);
  launchOn(x.device(), written, "aten::cudnn_convolution_relu");
  return result;
}

// relu(convolution + z), by oneDNN into a copy of z.
at::Tensor convolutionAddRelu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& z,
                              const std::optional<at::Scalar>& alpha, const std::optional<at::Tensor>& bias,
                              at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation,
                              int64_t groups) {
  Twins twins;
  auto result = z.clone();
  launchOn(x.device(), {reads(x), reads(weight), reads(*bias), writes(result)},
           "aten::cudnn_convolution_add_relu");
  call("mkldnn::_convolution_pointwise_", "binary",
       {twins.of(result), twins.of(x), twins.of(weight), twins.of(*bias), padding.vec(), stride.vec(),
        dilation.vec(), groups, "add", alpha.value_or(1.0), "relu", noScalars(), IValue()});
  return result;
}

TORCH_LIBRARY_IMPL(aten, TEST_DEVICE_KEY, library) {
  library.impl("cudnn_convolution_relu", convolutionRelu);
  library.impl("cudnn_convolution_add_relu", convolutionAddRelu);
}

#ifndef TEST_DEVICE_AS_CUDA
// As the CPU chooses: flash, or math where that is switched off.
int64_t chooseAttention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                        const std::optional<at::Tensor>& mask, double dropout, bool isCausal,
                        std::optional<double> scale, bool sharesHeads) {
  Twins twins;
  const auto maskTwin = mask && mask->defined() ? std::optional(twins.of(*mask)) : std::nullopt;
  return at::_fused_sdp_choice(twins.of(query), twins.of(key), twins.of(value), maskTwin, dropout, isCausal,
                               scale, sharesHeads);
}
#endif

}  // namespace

}  // namespace testdevice

#ifndef TEST_DEVICE_AS_CUDA
namespace at::native {
REGISTER_PRIVATEUSE1_DISPATCH(_fused_sdp_choice_stub, &testdevice::chooseAttention)
}  // namespace at::native

TORCH_LIBRARY_IMPL(_, AutocastPrivateUse1, library) {
  library.fallback(torch::CppFunction::makeFallthrough());
}

namespace at::autocast {
namespace {
// Libtorch's lists for all accelerators.
TORCH_LIBRARY_IMPL(aten, AutocastPrivateUse1, m) {
#define IN_BF16(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, lower_precision_fp)
#define IN_FLOAT(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, fp32)
#define IN_FLOAT_UNLESS_TOLD(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, fp32_set_opt_dtype)
#define IN_THE_WIDEST(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, promote)
  AT_FORALL_LOWER_PRECISION_FP(IN_BF16)
  AT_FORALL_FP32(IN_FLOAT)
  AT_FORALL_FP32_SET_OPT_DTYPE(IN_FLOAT_UNLESS_TOLD)
  AT_FORALL_DIFFERENT_REDISPATCH_SIGNATURE(KERNEL_DIFFERENT_REDISPATCH_SIGNATURE_PRIVATEUSEONE)
  AT_FORALL_PROMOTE(IN_THE_WIDEST)
}
}  // namespace
}  // namespace at::autocast
#endif
