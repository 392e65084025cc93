// torch.Generator on the CPU: the same seed draws the same numbers as PyTorch.

#include <ATen/CPUGeneratorImpl.h>

#include <mutex>

#include "arguments.h"
#include "exports.h"
#include "handle.h"
#include "tensor.h"

namespace spurmem {

namespace {

// Max numbers of a draw, which blocks JavaScript's thread and is held in memory.
constexpr int64_t kMaxDraws = int64_t{1} << 27;

int64_t toCount(const Napi::Value& value, int64_t least) { return toInteger(value, "n", least, kMaxDraws); }

at::Generator seeded(const Napi::CallbackInfo& info) {
  const auto& seed = info[0];
  if (!seed.IsBigInt()) {
    constexpr int64_t kMax = (int64_t{1} << 53) - 1;
    return at::detail::createCPUGenerator(static_cast<uint64_t>(toInteger(seed, "seed", 0, kMax)));
  }
  bool isLossless = false;
  const auto number = seed.As<Napi::BigInt>().Uint64Value(&isLossless);
  if (isLossless) return at::detail::createCPUGenerator(number);
  throw Napi::RangeError::New(info.Env(), "Expected an integer from 0 to 2^64 - 1 for seed but received " +
                                              seed.ToString().Utf8Value());
}

class GeneratorHandle : public Handle<GeneratorHandle, at::Generator> {
 public:
  static constexpr auto kName = "Generator";
  static constexpr napi_type_tag kTag = {0x7370757265746e73, 0x67656e6572617431};

  static void exportTo(Napi::Object exports) {
    exportClass(exports, {
                             method<&GeneratorHandle::random>("random()"),
                             method<&GeneratorHandle::randperm>("randperm(n)"),
                             method<&GeneratorHandle::randn>("randn(n)"),
                             method<&GeneratorHandle::multinomial>("multinomial(weights, n)"),
                             method<&GeneratorHandle::uniform>("uniform(low, high)"),
                             method<&GeneratorHandle::logUniform>("logUniform(low, high)"),
                             method<&GeneratorHandle::randint>("randint(high)"),
                             method<&GeneratorHandle::getState>("getState()"),
                             method<&GeneratorHandle::setState>("setState(state)"),
                         });
  }

  explicit GeneratorHandle(const Napi::CallbackInfo& info)
      : Handle(info, inWords(info.Env(), "new Generator(seed)", [&] { return seeded(info); })) {}

 private:
  at::Tensor draw(Napi::Env env, double low, double high) const {
    return at::empty({1}).uniform_(low, high, held(env));
  }

  // The draw that DataLoader takes its seeds from.
  Napi::Value random(const Napi::CallbackInfo& info) {
    const auto drawn = at::empty({}, at::kLong).random_(held(info.Env()));
    return Napi::BigInt::New(info.Env(), drawn.item<int64_t>());
  }

  Napi::Value randperm(const Napi::CallbackInfo& info) {
    const auto permutation = at::randperm(toCount(info[0], 0), held(info.Env()), at::kLong);
    return toTypedArray(info.Env(), permutation.to(at::kInt));
  }

  Napi::Value randn(const Napi::CallbackInfo& info) {
    return toTypedArray(info.Env(), at::randn({toCount(info[0], 0)}, held(info.Env()), at::kFloat));
  }

  Napi::Value multinomial(const Napi::CallbackInfo& info) {
    const auto weights = fromTypedArray(info[0], at::kDouble, "weights");
    const auto drawn = at::multinomial(weights, toCount(info[1], 1), /*replacement=*/true, held(info.Env()));
    return toTypedArray(info.Env(), drawn.to(at::kInt));
  }

  Napi::Value uniform(const Napi::CallbackInfo& info) {
    const auto drawn = draw(info.Env(), toNumber(info[0], "low"), toNumber(info[1], "high"));
    return toJavaScript(info.Env(), drawn.item<float>());
  }

  Napi::Value logUniform(const Napi::CallbackInfo& info) {
    const auto bounds = at::log(at::tensor(
        {static_cast<float>(toNumber(info[0], "low")), static_cast<float>(toNumber(info[1], "high"))}));
    const auto* bound = bounds.const_data_ptr<float>();
    return toJavaScript(info.Env(), at::exp(draw(info.Env(), bound[0], bound[1])).item<float>());
  }

  Napi::Value randint(const Napi::CallbackInfo& info) {
    const auto drawn = at::randint(0, toInteger(info[0], "high"), {1}, held(info.Env()), at::kLong);
    return toJavaScript(info.Env(), drawn.item<int64_t>());
  }

  Napi::Value getState(const Napi::CallbackInfo& info) {
    auto generator = held(info.Env());
    const std::lock_guard lock(generator.mutex());
    return toTypedArray(info.Env(), generator.get_state());
  }

  Napi::Value setState(const Napi::CallbackInfo& info) {
    auto generator = held(info.Env());
    const auto state = fromTypedArray(info[0], at::kByte, "state");
    const std::lock_guard lock(generator.mutex());
    generator.set_state(state);
    return info.Env().Undefined();
  }
};

}  // namespace

void exportGenerator(Napi::Object exports) { GeneratorHandle::exportTo(exports); }

at::Generator toGenerator(const Napi::Value& value, const std::string& name) {
  return GeneratorHandle::unwrap(value, name);
}

}  // namespace spurmem
