#include "weightGradient.h"

// GCC 12 sees writes out of bounds in the vectors of flags that libtorch's header copies.
#pragma GCC diagnostic ignored "-Warray-bounds"
#pragma GCC diagnostic ignored "-Wstringop-overflow"

#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "convProduct.h"
#include "operators.h"

namespace spurmem {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// The most output of a part.
constexpr int64_t kMostPixels = 7 * 7;

struct Convolution : Function<Convolution> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            ConvShape shape) {
    context->save_for_backward({x, weight});
    context->saved_data["shape"] = std::vector<int64_t>{shape.kernel, shape.stride, shape.padding};
    return at::conv2d(x, weight, {}, shape.stride, at::IntArrayRef(shape.padding));
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &gradient = gradients[0];
    const auto sizes = context->saved_data["shape"].toIntVector();
    const ConvShape shape{sizes[0], sizes[1], sizes[2]};
    return {context->needs_input_grad(0) ? ofInput(gradient, x, weight, shape) : at::Tensor(),
            context->needs_input_grad(1) ? ofWeight(gradient, x, weight, shape) : at::Tensor(),
            {}};
  }

  static at::Tensor ofWeight(const at::Tensor& gradient, const at::Tensor& x, const at::Tensor& weight,
                             const ConvShape& shape) {
    const auto rows = gradient.permute({0, 2, 3, 1}).reshape({-1, weight.size(0)});
    const auto product = rows.t().mm(patches(x, shape, {gradient.size(2), gradient.size(3)}));
    return product.view({weight.size(0), shape.kernel, shape.kernel, weight.size(1)}).permute({0, 3, 1, 2});
  }

  static at::Tensor ofInput(const at::Tensor& gradient, const at::Tensor& x, const at::Tensor& weight,
                            const ConvShape& shape) {
    const std::vector<int64_t> stride(2, shape.stride), padding(2, shape.padding), dilation(2, 1);
    return std::get<0>(at::convolution_backward(gradient, x, weight, std::nullopt, stride, padding, dilation,
                                                false, {0, 0}, 1, {true, false, false}));
  }
};

}  // namespace

bool prefersProduct(const at::Tensor& x, const at::Tensor& weight, const ConvShape& shape) {
  if (!hasAmx() || isFusionOff() || !x.is_cpu() || !isBf16(x) || !at::GradMode::is_enabled() ||
      !weight.requires_grad()) {
    return false;
  }
  // at::conv2d says what is wrong with shapes.
  if (x.dim() != 4 || x.size(1) != weight.size(1)) return false;
  const auto pixels = outputSize(x.sizes(), shape).pixels();
  return pixels > 0 && (shape.kernel == 1 || pixels <= kMostPixels);
}

at::Tensor convolveByProduct(const at::Tensor& x, const at::Tensor& weight, const ConvShape& shape) {
  const auto cast = [](const at::Tensor& values) {
    return at::autocast::cached_cast(at::kBFloat16, values, at::kCPU);
  };
  return Convolution::apply(cast(x), cast(weight), shape);
}

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                    const ConvShape& shape, int64_t groups) {
  return convolveSafely(x, shape, [&](const at::Tensor& images) {
    if (!bias && groups == 1 && prefersProduct(images, weight, shape)) {
      return convolveByProduct(images, weight, shape);
    }
    return at::conv2d(images, weight, bias, shape.stride, at::IntArrayRef(shape.padding), 1, groups);
  });
}

}  // namespace spurmem
