#include "generator.h"

#include <ATen/CPUGeneratorImpl.h>

#include <array>
#include <cmath>
#include <cstring>

#include "arguments.h"

namespace spurmem {

namespace {

constexpr napi_type_tag kGeneratorTag = {0x7370757265746e73, 0x67656e6572617431};

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

}  // namespace

Napi::Function GeneratorHandle::define(Napi::Env env) {
  return DefineClass(env, "Generator",
                     {
                         InstanceMethod<&GeneratorHandle::random>("random"),
                         InstanceMethod<&GeneratorHandle::randperm>("randperm"),
                         InstanceMethod<&GeneratorHandle::randn>("randn"),
                         InstanceMethod<&GeneratorHandle::multinomial>("multinomial"),
                         InstanceMethod<&GeneratorHandle::augmentations>("augmentations"),
                         InstanceMethod<&GeneratorHandle::getState>("getState"),
                         InstanceMethod<&GeneratorHandle::setState>("setState"),
                     });
}

at::Generator GeneratorHandle::unwrap(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kGeneratorTag)) {
    throw expected(value.Env(), "a Generator", name, value);
  }
  return Unwrap(value.As<Napi::Object>())->generator_;
}

GeneratorHandle::GeneratorHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<GeneratorHandle>(info) {
  info.This().As<Napi::Object>().TypeTag(&kGeneratorTag);
  uint64_t seed = 0;
  if (info[0].IsBigInt()) {
    bool lossless = false;
    seed = info[0].As<Napi::BigInt>().Uint64Value(&lossless);
  } else {
    seed = static_cast<uint64_t>(toInteger(info[0], "seed"));
  }
  generator_ = at::detail::createCPUGenerator(seed);
}

// torch.empty((), dtype=torch.int64).random_(generator=g), the draw that DataLoader takes its seeds from.
Napi::Value GeneratorHandle::random(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), at::empty({}, at::kLong).random_(generator_).item<int64_t>());
}

Napi::Value GeneratorHandle::randperm(const Napi::CallbackInfo& info) {
  const auto permutation = at::randperm(toInteger(info[0], "n"), generator_, at::kLong).to(at::kInt);
  auto array = Napi::Int32Array::New(info.Env(), permutation.numel());
  std::memcpy(array.Data(), permutation.const_data_ptr(), permutation.nbytes());
  return array;
}

// torch.randn(n, generator=g)
Napi::Value GeneratorHandle::randn(const Napi::CallbackInfo& info) {
  const auto values = at::randn({toInteger(info[0], "n")}, generator_, at::kFloat);
  auto array = Napi::Float32Array::New(info.Env(), values.numel());
  std::memcpy(array.Data(), values.const_data_ptr(), values.nbytes());
  return array;
}

// multinomial(weights, n): torch.multinomial(weights, n, replacement=True, generator=g), as
// WeightedRandomSampler draws.
Napi::Value GeneratorHandle::multinomial(const Napi::CallbackInfo& info) {
  const auto weights = at::tensor(toFloat64s(info[0], "weights"));
  const auto drawn =
      at::multinomial(weights, toInteger(info[1], "n"), /*replacement=*/true, generator_).to(at::kInt);
  auto array = Napi::Int32Array::New(info.Env(), drawn.numel());
  std::memcpy(array.Data(), drawn.const_data_ptr(), drawn.nbytes());
  return array;
}

// augmentations(heights, widths, crop | null, flipProbability): for each image {top, left, height, width,
// flip}, drawn image after image as torchvision's RandomResizedCrop and RandomHorizontalFlip do without
// workers.
Napi::Value GeneratorHandle::augmentations(const Napi::CallbackInfo& info) {
  const auto heights = toInt32s(info[0], "heights");
  const auto widths = toInt32s(info[1], "widths");
  if (heights.size() != widths.size()) throw expected(info.Env(), "as many widths", "widths", info[1]);
  std::optional<CropRange> range;
  if (!info[2].IsNull()) {
    const auto values = toNumbers(info[2], "crop");
    if (values.size() != 4) {
      throw expected(info.Env(), "[minScale, maxScale, minRatio, maxRatio]", "crop", info[2]);
    }
    range = CropRange{values[0], values[1], values[2], values[3]};
  }
  const double flipProbability = toNumber(info[3], "flipProbability");
  auto result = Napi::Int32Array::New(info.Env(), heights.size() * 5);
  for (size_t i = 0; i < heights.size(); ++i) {
    std::array<int64_t, 4> crop = {0, 0, heights[i], widths[i]};
    if (range) crop = randomResizedCrop(generator_, heights[i], widths[i], *range);
    // torchvision draws even for p = 0; a dataset without flips has no such transform, so nothing is drawn.
    const bool flip =
        flipProbability > 0 && at::rand({1}, generator_, at::kFloat).item<float>() < flipProbability;
    for (size_t j = 0; j < 4; ++j) result[i * 5 + j] = static_cast<int32_t>(crop[j]);
    result[i * 5 + 4] = flip ? 1 : 0;
  }
  return result;
}

Napi::Value GeneratorHandle::getState(const Napi::CallbackInfo& info) {
  const auto state = generator_.get_state();
  auto array = Napi::Uint8Array::New(info.Env(), state.numel());
  std::memcpy(array.Data(), state.const_data_ptr(), state.nbytes());
  return array;
}

Napi::Value GeneratorHandle::setState(const Napi::CallbackInfo& info) {
  if (!isTypedArray(info[0], napi_uint8_array)) {
    throw expected(info.Env(), "a Uint8Array", "state", info[0]);
  }
  const auto array = info[0].As<Napi::Uint8Array>();
  auto state = at::empty({static_cast<int64_t>(array.ElementLength())}, at::kByte);
  std::memcpy(state.mutable_data_ptr(), array.Data(), array.ElementLength());
  try {
    generator_.set_state(state);
  } catch (const c10::Error& error) {
    throw Napi::Error::New(info.Env(), error.what_without_backtrace());
  }
  return info.Env().Undefined();
}

}  // namespace spurmem
