// torch.Generator on the CPU: the same seed draws the same numbers as PyTorch.
#include "classes.h"

#include <ATen/CPUGeneratorImpl.h>

#include <array>
#include <cmath>
#include <optional>

#include "arguments.h"
#include "exports.h"
#include "handle.h"
#include "tensor.h"

namespace spurmem {

namespace {

// Python's round(): half to even, which is the default rounding mode.
int64_t pythonRound(double value) { return static_cast<int64_t>(std::nearbyint(value)); }

double uniform(at::Generator& generator, double low, double high) {
  return at::empty({1}).uniform_(low, high, generator).item<float>();
}

int64_t randint(at::Generator& generator, int64_t high) {
  return at::randint(0, high, {1}, generator, at::kLong).item<int64_t>();
}

struct CropRange {
  double minScale, maxScale, minRatio, maxRatio;
};

// torchvision.transforms.RandomResizedCrop.get_params: {top, left, height, width}, drawn in the same order.
std::array<int64_t, 4> randomResizedCrop(at::Generator& generator, int64_t height, int64_t width,
                                         const CropRange& range) {
  const double area = static_cast<double>(height * width);
  const auto logRatio =
      at::log(at::tensor({static_cast<float>(range.minRatio), static_cast<float>(range.maxRatio)}));
  const double minLog = logRatio[0].item<float>();
  const double maxLog = logRatio[1].item<float>();
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double targetArea = area * uniform(generator, range.minScale, range.maxScale);
    const double aspectRatio = at::exp(at::empty({1}).uniform_(minLog, maxLog, generator)).item<float>();
    const int64_t w = pythonRound(std::sqrt(targetArea * aspectRatio));
    const int64_t h = pythonRound(std::sqrt(targetArea / aspectRatio));
    if (0 < w && w <= width && 0 < h && h <= height) {
      const int64_t top = randint(generator, height - h + 1);
      const int64_t left = randint(generator, width - w + 1);
      return {top, left, h, w};
    }
  }
  const double inRatio = static_cast<double>(width) / static_cast<double>(height);
  int64_t w = width;
  int64_t h = height;
  if (inRatio < range.minRatio) {
    h = pythonRound(static_cast<double>(w) / range.minRatio);
  } else if (inRatio > range.maxRatio) {
    w = pythonRound(static_cast<double>(h) * range.maxRatio);
  }
  return {(height - h) / 2, (width - w) / 2, h, w};
}

at::Generator seeded(const Napi::Value& seed) {
  if (!seed.IsBigInt()) return at::detail::createCPUGenerator(static_cast<uint64_t>(toInteger(seed, "seed")));
  bool lossless = false;
  return at::detail::createCPUGenerator(seed.As<Napi::BigInt>().Uint64Value(&lossless));
}

class GeneratorHandle : public Handle<GeneratorHandle, at::Generator> {
 public:
  static constexpr auto kName = "Generator";
  static constexpr napi_type_tag kTag = {0x7370757265746e73, 0x67656e6572617431};

  static void exportTo(Napi::Object exports) {
    exportClass(exports, {
                             InstanceMethod<&GeneratorHandle::random>("random"),
                             InstanceMethod<&GeneratorHandle::randperm>("randperm"),
                             InstanceMethod<&GeneratorHandle::randn>("randn"),
                             InstanceMethod<&GeneratorHandle::multinomial>("multinomial"),
                             InstanceMethod<&GeneratorHandle::augmentations>("augmentations"),
                             InstanceMethod<&GeneratorHandle::getState>("getState"),
                             InstanceMethod<&GeneratorHandle::setState>("setState"),
                         });
  }

  explicit GeneratorHandle(const Napi::CallbackInfo& info) : Handle(info, seeded(info[0])) {}

 private:
  // The draw that DataLoader takes its seeds from.
  Napi::Value random(const Napi::CallbackInfo& info) {
    return Napi::BigInt::New(info.Env(), at::empty({}, at::kLong).random_(held_).item<int64_t>());
  }

  Napi::Value randperm(const Napi::CallbackInfo& info) {
    const auto permutation = at::randperm(toInteger(info[0], "n"), held_, at::kLong);
    return toTypedArray(info.Env(), permutation.to(at::kInt));
  }

  Napi::Value randn(const Napi::CallbackInfo& info) {
    return toTypedArray(info.Env(), at::randn({toInteger(info[0], "n")}, held_, at::kFloat));
  }

  // multinomial(weights, n)
  Napi::Value multinomial(const Napi::CallbackInfo& info) {
    const auto weights = at::tensor(toFloat64s(info[0], "weights"));
    const auto drawn = at::multinomial(weights, toInteger(info[1], "n"), /*replacement=*/true, held_);
    return toTypedArray(info.Env(), drawn.to(at::kInt));
  }

  // augmentations(heights, widths, crop | null, flipProbability): for each image {top, left, height, width,
  // flip}, drawn image after image as torchvision's transforms do without workers.
  Napi::Value augmentations(const Napi::CallbackInfo& info) {
    const auto heights = toInt32s(info[0], "heights");
    const auto widths = toInt32s(info[1], "widths");
    if (heights.size() != widths.size()) throw expected(info.Env(), "as many widths", "widths", info[1]);
    std::optional<CropRange> range;
    if (isGiven(info[2])) {
      const auto values = toNumbers<4>(info[2], "crop", "[minScale, maxScale, minRatio, maxRatio]");
      range = CropRange{values[0], values[1], values[2], values[3]};
    }
    const double flipProbability = toNumber(info[3], "flipProbability");
    auto result = Napi::Int32Array::New(info.Env(), heights.size() * 5);
    for (size_t i = 0; i < heights.size(); ++i) {
      std::array<int64_t, 4> crop = {0, 0, heights[i], widths[i]};
      if (range) crop = randomResizedCrop(*held_, heights[i], widths[i], *range);
      // torchvision draws even for p = 0; a dataset without flips has no such transform, so nothing is drawn.
      const bool flip =
          flipProbability > 0 && at::rand({1}, held_, at::kFloat).item<float>() < flipProbability;
      for (size_t j = 0; j < 4; ++j) result[i * 5 + j] = static_cast<int32_t>(crop[j]);
      result[i * 5 + 4] = flip ? 1 : 0;
    }
    return result;
  }

  Napi::Value getState(const Napi::CallbackInfo& info) {
    return toTypedArray(info.Env(), held_->get_state());
  }

  Napi::Value setState(const Napi::CallbackInfo& info) {
    if (!isTypedArray(info[0], napi_uint8_array)) {
      throw expected(info.Env(), "a Uint8Array", "state", info[0]);
    }
    try {
      held_->set_state(fromTypedArray(info[0], "state"));
    } catch (const c10::Error& error) {
      throw Napi::Error::New(info.Env(), error.what_without_backtrace());
    }
    return info.Env().Undefined();
  }
};

}  // namespace

void exportGenerator(Napi::Object exports) { GeneratorHandle::exportTo(exports); }

at::Generator toGenerator(const Napi::Value& value, const std::string& name) {
  return GeneratorHandle::unwrap(value, name);
}

}  // namespace spurmem
