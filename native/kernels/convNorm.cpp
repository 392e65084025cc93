#include "convNorm.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>

#include <exception>
#include <optional>
#include <vector>

#include "../device/accelerator.h"
#include "operators.h"

namespace spurmem {

namespace {

const std::vector<int64_t> kDilation{1, 1};

// Whether folding is faster on this device, in float32 or under autocast in bfloat16.
bool canFuse(const at::Tensor& x, bool isBf16) {
  static const bool isOn = !isFusionOff();
  static const bool has =
      findOperator(kConvolution) && findOperator(kConvolutionInto) && findOperator(kReorderedWeight);
  static const bool hasBf16 = has && hasFastBf16();
  if (!isHost(x.device())) return isOn;
  return isBf16 ? hasBf16 : has;
}

// relu(conv(x) + residual) on an accelerator, by cuDNN's kernel for all of it unless that has refused the
// layer before.
at::Tensor onAccelerator(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                         const at::Tensor& residual, bool relu, at::IntArrayRef stride,
                         at::IntArrayRef padding, int64_t groups, bool& cudnnFuses) {
  // That kernel has no deterministic mode.
  if (relu && cudnnFuses && !at::globalContext().deterministicCuDNN()) {
    try {
      return residual.defined()
                 ? at::cudnn_convolution_add_relu(x, weight, residual, 1.0, bias, stride, padding, kDilation,
                                                  groups)
                 : at::cudnn_convolution_relu(x, weight, bias, stride, padding, kDilation, groups);
    } catch (const c10::OutOfMemoryError&) {
      throw;
    } catch (const std::exception&) {
      // An error of libtorch, or of cuDNN's front end, where it has no engine for the shapes.
      cudnnFuses = false;
    }
  }
  auto result = at::conv2d(x, weight, bias, stride, padding, kDilation, groups);
  if (residual.defined()) result += residual;
  return relu ? result.relu_() : result;
}

bool isAutocast(const at::Tensor& x) { return at::autocast::is_autocast_enabled(x.device().type()); }

// Makes the logits NaN if `value` is NaN.
void propagateNan(const at::Tensor& value, const ForwardContext& context) {
  if (value.defined()) context.hidden = context.hidden.defined() ? context.hidden + value : value;
}

bool isFinite(const at::Tensor& values) { return at::isfinite(values).all().item<bool>(); }

std::vector<int64_t> bothWays(int64_t steps) { return {steps, steps}; }

c10::List<std::optional<at::Scalar>> noScalars() { return c10::List<std::optional<at::Scalar>>(); }

}  // namespace

bool hasFastBf16() {
  // Independent of SPURMEM_FUSION: it describes the processor.
  const auto asks = operatorInLibtorch(kHasBf16);
  return asks && callOperator(*asks, {}).toBool();
}

struct ConvNorm::Folded {
  // `hidden`, on accelerators: 0, or NaN if the other two are not finite.
  at::Tensor weight, bias, hidden;
  bool cudnnFuses = true;
  // Their sources, and the version of each.
  std::vector<std::pair<at::Tensor, int64_t>> sources;

  void drop() {
    weight = bias = hidden = at::Tensor();
    sources.clear();
  }

  bool isOf(const std::vector<at::Tensor>& tensors, at::ScalarType type, bool isMatrix) const {
    if (!weight.defined() || weight.scalar_type() != type || (weight.dim() == 2) != isMatrix) return false;
    if (sources.size() != tensors.size()) return false;
    for (size_t i = 0; i < tensors.size(); ++i) {
      if (!sources[i].first.is_same(tensors[i]) || sources[i].second != tensors[i]._version()) return false;
    }
    return true;
  }
};

ConvNorm::ConvNorm(const Layers& layers) : own_(layers), kept_(std::make_shared<Folded>()) {}

at::Tensor ConvNorm::unfused(const at::Tensor& x, const ForwardContext& context) const {
  const auto [scale, shift, mean, variance] = own_.norms;
  return at::batch_norm(convolve(x, context.weight(*own_.weight), context.bias(*own_.weight, own_.bias),
                                 own_.shape, own_.groups),
                        context.weight(*scale), context.weight(*shift), context.weight(*mean),
                        context.weight(*variance),
                        /*training=*/false, own_.momentum, own_.eps, /*cudnn_enabled=*/true);
}

at::Tensor ConvNorm::operator()(const at::Tensor& x, at::Tensor residual, bool relu,
                                const ForwardContext& context) const {
  const auto convolution = fusable(x, context);
  const bool sums = residual.defined();
  // oneDNN's sum fails if the output is one pixel, whose strides say nothing of the memory format.
  const bool sumsInKernel = sums && residual.size(2) * residual.size(3) > 1 && !amxMisreads(x, own_.shape);
  if (convolution && sums == sumsInKernel) return fused(x, *convolution, std::move(residual), relu);
  auto result = convolution ? fused(x, *convolution, {}, false) : unfused(x, context);
  if (sums) result += residual;
  return relu ? result.relu_() : result;
}

bool ConvNorm::isFused(const at::Tensor& x, const ForwardContext& context) const {
  // libtorch's own convolution reports wrong shapes.
  const bool fits = x.dim() == 4 && x.size(1) == own_.groups * own_.weight->value.size(1);
  const bool wants = fits && context.statistics == Statistics::frozen && !at::GradMode::is_enabled() &&
                     context.multiplyAdds == nullptr && context.observer == nullptr &&
                     // oneDNN's ReLU makes 0 of NaN, and a model of NaN would seem to predict.
                     !context.mayBeNan && canFuse(x, isAutocast(x));
  // Training has better use for the memory.
  if (!wants) kept_->drop();
  return wants;
}

std::optional<ConvNorm::Convolution> ConvNorm::fusable(const at::Tensor& x,
                                                       const ForwardContext& context) const {
  if (!isFused(x, context)) return std::nullopt;
  auto convolution = folded(context, isAutocast(x) ? at::kBFloat16 : at::kFloat, x.sizes());
  if (convolution.first.defined()) return convolution;
  context.mayBeNan = true;
  return std::nullopt;
}

at::Tensor ConvNorm::fused(const at::Tensor& x, const Convolution& convolution, at::Tensor residual,
                           bool relu) const {
  const auto type = isAutocast(x) ? at::kBFloat16 : at::kFloat;
  const auto& [weight, bias] = convolution;
  const auto stride = bothWays(own_.shape.stride), padding = bothWays(own_.shape.padding);
  const bool sums = residual.defined();
  if (!isHost(x.device())) {
    if (sums) residual = residual.to(type).contiguous(x.suggest_memory_format());
    return onAccelerator(x.to(type), weight, bias, residual, relu, stride, padding, own_.groups,
                         kept_->cudnnFuses);
  }
  if (weight.dim() == 2) {
    auto result = convolvePatches(x.to(type), weight, bias, own_.shape);
    if (sums) result += residual;
    return relu ? result.relu_() : result;
  }
  if (sums) {
    static const auto operation = *findOperator(kConvolutionInto);
    // The residual becomes the output: the out-of-place operator would first copy it into another layout.
    residual = residual.to(type).contiguous(at::MemoryFormat::ChannelsLast);
    const bool isOurs = residual.use_count() == 1 && residual.storage().use_count() == 1;
    auto sum = isOurs ? std::move(residual) : residual.clone();
    return callOperator(operation,
                        {sum, x.to(type), weight, bias, padding, stride, kDilation, own_.groups, "add", 1.0,
                         relu ? c10::IValue("relu") : c10::IValue(), noScalars(), c10::IValue()})
        .toTensor();
  }
  static const auto operation = *findOperator(kConvolution);
  return convolveSafely(x.to(type), own_.shape, [&](const at::Tensor& images) {
    return callOperator(operation, {images, weight, bias, padding, stride, kDilation, own_.groups,
                                    relu ? "relu" : "none", noScalars(), ""})
        .toTensor();
  });
}

ConvNorm::Convolution ConvNorm::folded(const ForwardContext& context, at::ScalarType type,
                                       at::IntArrayRef inputSize) const {
  const auto& weight = context.weight(*own_.weight);
  std::vector<at::Tensor> sources{weight};
  const auto bias = context.bias(*own_.weight, own_.bias);
  for (const auto* parameter : own_.norms) sources.push_back(context.weight(*parameter));
  const bool isOwn = !bias || (own_.bias != nullptr && bias->is_same(own_.bias->value));
  if (bias) sources.push_back(*bias);
  const bool isHere = isHost(weight.device());
  const bool isMatrix =
      isHere && type == at::kBFloat16 && own_.groups == 1 && isFasterAsProduct(inputSize, weight, own_.shape);
  if (isOwn && kept_->isOf(sources, type, isMatrix)) {
    propagateNan(kept_->hidden, context);
    return {kept_->weight, kept_->bias};
  }
  const auto &scale = sources[1], &shift = sources[2], &mean = sources[3], &variance = sources[4];
  const auto factor = scale / (variance + own_.eps).sqrt();
  // Batch-norm subtracts its mean from the convolution's output, which includes the bias.
  const auto center = bias ? mean - *bias : mean;
  Convolution result{(weight * factor.view({-1, 1, 1, 1})).to(type), (shift - center * factor).to(type)};
  const bool isVariant = !isOwn || !weight.is_same(own_.weight->value);
  at::Tensor hidden;
  if (!isHere) {
    // Without waiting for the values: 0 times a value that is not finite is NaN.
    hidden = (result.first.sum(at::kFloat) + result.second.sum(at::kFloat)) * 0;
    propagateNan(hidden, context);
  } else if (!isFinite(result.first) || !isFinite(result.second)) {
    return {};
  }
  if (isMatrix) result.first = asMatrix(result.first);
  // A variant's weights are for its one batch.
  if (!isVariant) {
    if (isHere && !isMatrix) result.first = reordered(result.first, inputSize);
    kept_->weight = result.first;
    kept_->bias = result.second;
    kept_->hidden = hidden;
    kept_->sources.clear();
    for (const auto& source : sources) kept_->sources.emplace_back(source, source._version());
  }
  return result;
}

// In oneDNN's layout for inputs of this size; inputs of other sizes work, too.
at::Tensor ConvNorm::reordered(const at::Tensor& weight, at::IntArrayRef inputSize) const {
  static const auto operation = *findOperator(kReorderedWeight);
  return callOperator(operation, {weight, bothWays(own_.shape.padding), bothWays(own_.shape.stride),
                                  kDilation, own_.groups, inputSize.vec()})
      .toTensor();
}

}  // namespace spurmem
