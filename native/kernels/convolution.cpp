#include "convolution.h"

// GCC 12 sees writes out of bounds in the vectors of flags that libtorch's header copies.
#pragma GCC diagnostic ignored "-Warray-bounds"
#pragma GCC diagnostic ignored "-Wstringop-overflow"

#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <cstdlib>
#include <cstring>
#include <vector>

#include "operators.h"

namespace spurmem {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// With fewer weights, they stay in a core's cache from image to image.
constexpr int64_t kMinWeights = 1 << 20;
// With more output pixels, reading the weights no longer takes most of the time.
constexpr int64_t kMaxPixels = 5 * 5, kMaxPixelsOfGradient = 7 * 7;

struct OutputSize {
  int64_t height, width;

  int64_t pixels() const { return height * width; }
};

// Whether a variable of oneDNN's keeps it from using tiles. Words that oneDNN does not know have no effect.
bool isAmxForbidden() {
  const auto* isa = std::getenv("ONEDNN_MAX_CPU_ISA");
  if (isa == nullptr) isa = std::getenv("DNNL_MAX_CPU_ISA");
  if (isa == nullptr || strcasestr(isa, "AMX") != nullptr) return false;
  return strncasecmp(isa, "AVX", 3) == 0 || strncasecmp(isa, "SSE", 3) == 0;
}

// Whether oneDNN uses tiles, which no libtorch exports: the processor has them, the system saves and grants
// them, and no variable forbids them.
bool hasAmx() {
#if defined(__x86_64__)
  static const bool has = [] {
    constexpr long kRequestPermission = 0x1023, kTileData = 18;
    return __builtin_cpu_supports("amx-tile") && !isAmxForbidden() &&
           syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  }();
  return has;
#else
  return false;
#endif
}

// Whether a convolution of `x` is computed in bfloat16.
bool isBf16(const at::Tensor& x) {
  if (x.scalar_type() == at::kBFloat16) return true;
  return at::autocast::is_autocast_enabled(at::kCPU) &&
         at::autocast::get_autocast_dtype(at::kCPU) == at::kBFloat16;
}

// Returns the output's sizes for inputs of these sizes, [N, C, H, W].
OutputSize outputSize(at::IntArrayRef input, const ConvShape& shape) {
  const auto side = [&](size_t dimension) {
    const auto room = input[dimension] + 2 * shape.padding - shape.kernel;
    return room < 0 ? 0 : room / shape.stride + 1;
  };
  return {side(2), side(3)};
}

// The input of each output pixel, a row each: [N x height x width, kernel x kernel x channels].
at::Tensor patches(const at::Tensor& x, const ConvShape& shape, const OutputSize& size) {
  const auto& [kernel, stride, padding] = shape;
  auto pixels = x.permute({0, 2, 3, 1});
  if (padding > 0) pixels = at::constant_pad_nd(pixels, {0, 0, padding, padding, padding, padding});
  const auto steps = pixels.strides();
  return pixels
      .as_strided({x.size(0), size.height, size.width, kernel, kernel, x.size(1)},
                  {steps[0], stride * steps[1], stride * steps[2], steps[1], steps[2], steps[3]})
      .reshape({x.size(0) * size.pixels(), kernel * kernel * x.size(1)});
}

// at::conv2d without bias, whose weight's gradient is one matrix product.
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

// Whether a gradient will be needed, and is faster as a product.
bool prefersProduct(const at::Tensor& x, const at::Tensor& weight, const ConvShape& shape) {
  if (!hasAmx() || isFusionOff() || !x.is_cpu() || !isBf16(x) || !at::GradMode::is_enabled() ||
      !weight.requires_grad()) {
    return false;
  }
  // at::conv2d reports wrong shapes.
  if (x.dim() != 4 || x.size(1) != weight.size(1)) return false;
  const auto pixels = outputSize(x.sizes(), shape).pixels();
  return pixels > 0 && (shape.kernel == 1 || pixels <= kMaxPixelsOfGradient);
}

}  // namespace

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                    const ConvShape& shape, int64_t groups) {
  return convolveSafely(x, shape, [&](const at::Tensor& images) {
    if (!bias && groups == 1 && prefersProduct(images, weight, shape)) {
      const auto cast = [](const at::Tensor& values) {
        return at::autocast::cached_cast(at::kBFloat16, values, at::kCPU);
      };
      return Convolution::apply(cast(images), cast(weight), shape);
    }
    return at::conv2d(images, weight, bias, shape.stride, at::IntArrayRef(shape.padding), 1, groups);
  });
}

bool amxMisreads(const at::Tensor& x, const ConvShape& shape) {
  const auto& [kernel, stride, padding] = shape;
  if (!x.is_cpu() || x.dim() != 4 || kernel == 1 || stride == 1) return false;
  const auto room = x.size(3) + 2 * padding - kernel;
  if (room < 0 || room >= stride) return false;
  return hasAmx() && isBf16(x);
}

bool isFasterAsProduct(at::IntArrayRef input, const at::Tensor& weight, const ConvShape& shape) {
  if (!hasAmx() || shape.kernel == 1 || weight.numel() <= kMinWeights) return false;
  const auto pixels = outputSize(input, shape).pixels();
  return pixels > 0 && pixels <= kMaxPixels;
}

at::Tensor asMatrix(const at::Tensor& weight) {
  return weight.permute({0, 2, 3, 1}).reshape({weight.size(0), -1});
}

at::Tensor convolvePatches(const at::Tensor& x, const at::Tensor& matrix, const at::Tensor& bias,
                           const ConvShape& shape) {
  const auto size = outputSize(x.sizes(), shape);
  return at::linear(patches(x, shape, size), matrix, bias)
      .view({x.size(0), size.height, size.width, matrix.size(0)})
      .permute({0, 3, 1, 2});
}

}  // namespace spurmem
