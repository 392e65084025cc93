// How exactly float32 is computed, by the interface that this libtorch has for it.
#pragma once

#include <string>
#include <type_traits>

namespace spurmem {

// From 2.9 on: a precision for each backend and operation, by names and later by enumerations. The one before
// raises where it is mixed with it.
template <class Context, class Backend, class Operation, class Precision>
void setEach(Context& context, void (Context::*set)(Backend, Operation, Precision), const std::string& matmul,
             bool cudnnTf32) {
  if constexpr (std::is_enum_v<Backend>) {
    const auto ofGpu = matmul == "highest" ? Precision::IEEE : Precision::TF32;
    const auto ofCpu = matmul == "medium" ? Precision::BF16 : ofGpu;
    const auto ofCudnn = cudnnTf32 ? Precision::TF32 : Precision::IEEE;
    (context.*set)(Backend::CUDA, Operation::MATMUL, ofGpu);
    (context.*set)(Backend::MKLDNN, Operation::MATMUL, ofCpu);
    (context.*set)(Backend::CUDA, Operation::CONV, ofCudnn);
    (context.*set)(Backend::CUDA, Operation::RNN, ofCudnn);
  } else {
    const std::string ofGpu = matmul == "highest" ? "ieee" : "tf32";
    const std::string ofCpu = matmul == "medium" ? "bf16" : ofGpu;
    const std::string ofCudnn = cudnnTf32 ? "tf32" : "ieee";
    (context.*set)("cuda", "matmul", ofGpu);
    (context.*set)("mkldnn", "matmul", ofCpu);
    (context.*set)("cuda", "conv", ofCudnn);
    (context.*set)("cuda", "rnn", ofCudnn);
  }
}

template <class Context, class = void>
constexpr bool kHasPrecisions = false;
template <class Context>
constexpr bool kHasPrecisions<Context, std::void_t<decltype(&Context::setFloat32Precision)>> = true;

// torch.set_float32_matmul_precision, and torch.backends.cudnn.allow_tf32. A template, so that what this
// libtorch does not have is not compiled.
template <class Context>
void setFloat32Precision(Context& context, const std::string& matmul, bool cudnnTf32) {
  if constexpr (kHasPrecisions<Context>) {
    setEach(context, &Context::setFloat32Precision, matmul, cudnnTf32);
  } else {
    context.setFloat32MatmulPrecision(matmul);
    context.setAllowTF32CuDNN(cudnnTf32);
  }
}

}  // namespace spurmem
