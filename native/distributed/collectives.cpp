// Functions of the parts that all processes have, with their gradients.

// GCC 12 sees writes out of bounds in the vectors of flags that libtorch's header copies.
#pragma GCC diagnostic ignored "-Warray-bounds"
#pragma GCC diagnostic ignored "-Wstringop-overflow"

#include <torch/csrc/autograd/custom_function.h>

#include "processGroup.h"

namespace spurmem {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

struct Gather : Function<Gather> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& rows, int64_t offset, int64_t total,
                            const ProcessGroup* group) {
    context->saved_data["offset"] = offset;
    context->saved_data["count"] = rows.size(0);
    auto sizes = rows.sizes().vec();
    sizes[0] = total;
    auto all = at::zeros(sizes, rows.options());
    all.narrow(0, offset, rows.size(0)).copy_(rows);
    group->sum(all);
    return all;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto count = context->saved_data["count"].toInt();
    const auto share = static_cast<double>(gradients[0].size(0)) / static_cast<double>(count);
    return {gradients[0].narrow(0, context->saved_data["offset"].toInt(), count) * share, {}, {}, {}};
  }
};

at::Tensor asChannels(const at::Tensor& values) { return values.view({1, -1, 1, 1}); }

at::Tensor sumsOf(const at::Tensor& x) { return x.sum(at::IntArrayRef{0, 2, 3}, false, at::kDouble); }

// No arguments of the function, which may not be undefined.
struct Running {
  at::Tensor *mean, *variance;
};

struct SynchronizedNorm : Function<SynchronizedNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor& weight,
                            const at::Tensor& bias, Running running, double momentum, double eps,
                            const ProcessGroup* group) {
    const auto x = input.to(at::kFloat);
    const auto own =
        at::full({1}, static_cast<double>(x.numel() / x.size(1)), x.options().dtype(at::kDouble));
    auto sums = at::cat({sumsOf(x), own});
    group->sum(sums);
    const auto count = sums[-1].item<double>();
    const auto mean = sums.narrow(0, 0, x.size(1)) / count;
    // Squared differences from the mean: the sum of squares alone would lose small variances.
    auto squares = sumsOf((x - asChannels(mean.to(at::kFloat))).square_());
    group->sum(squares);
    const auto variance = squares / count;
    const auto factor = (variance + eps).rsqrt().to(at::kFloat);
    if (running.mean->defined()) {
      running.mean->lerp_(mean.to(at::kFloat), momentum);
      running.variance->lerp_((squares / (count - 1)).to(at::kFloat), momentum);
    }
    const auto normalized = (x - asChannels(mean.to(at::kFloat))).mul_(asChannels(factor));
    context->save_for_backward({normalized, weight, factor});
    context->saved_data["count"] = count;
    context->saved_data["group"] = reinterpret_cast<int64_t>(group);
    return (normalized * asChannels(weight)).add_(asChannels(bias)).to(input.scalar_type());
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto &normalized = saved[0], &weight = saved[1], &factor = saved[2];
    const auto* group = reinterpret_cast<const ProcessGroup*>(context->saved_data["group"].toInt());
    const auto gradient = gradients[0].to(at::kFloat);
    const auto ofBias = sumsOf(gradient), ofWeight = sumsOf(gradient * normalized);
    auto sums = at::stack({ofBias, ofWeight});
    group->sum(sums);
    const auto means = (sums / context->saved_data["count"].toDouble()).to(at::kFloat);
    const auto ofInput = (gradient - asChannels(means[0]) - normalized * asChannels(means[1]))
                             .mul_(asChannels(weight * factor));
    variable_list result{ofInput.to(gradients[0].scalar_type()), ofWeight.to(at::kFloat),
                         ofBias.to(at::kFloat)};
    result.resize(7);
    return result;
  }
};

}  // namespace

at::Tensor gather(const at::Tensor& rows, int64_t offset, int64_t total, const ProcessGroup& group) {
  TORCH_CHECK(offset >= 0 && offset + rows.size(0) <= total, "rows from ", offset, " on, ", rows.size(0),
              " of them, do not fit in ", total);
  return Gather::apply(rows, offset, total, &group);
}

at::Tensor synchronizedNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            at::Tensor runningMean, at::Tensor runningVar, double momentum, double eps,
                            const ProcessGroup& group) {
  return SynchronizedNorm::apply(x, weight, bias, Running{&runningMean, &runningVar}, momentum, eps, &group);
}

}  // namespace spurmem
