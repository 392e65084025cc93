// torch.Generator on the CPU: the same seed draws the same numbers as PyTorch.
#include "classes.h"

#include <ATen/CPUGeneratorImpl.h>

#include "arguments.h"
#include "exports.h"
#include "handle.h"
#include "tensor.h"

namespace spurmem {

namespace {

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
                             InstanceMethod<&GeneratorHandle::uniform>("uniform"),
                             InstanceMethod<&GeneratorHandle::logUniform>("logUniform"),
                             InstanceMethod<&GeneratorHandle::randint>("randint"),
                             InstanceMethod<&GeneratorHandle::getState>("getState"),
                             InstanceMethod<&GeneratorHandle::setState>("setState"),
                         });
  }

  explicit GeneratorHandle(const Napi::CallbackInfo& info) : Handle(info, seeded(info[0])) {}

 private:
  at::Tensor draw(double low, double high) { return at::empty({1}).uniform_(low, high, held_); }

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

  Napi::Value multinomial(const Napi::CallbackInfo& info) {
    const auto weights = fromTypedArray(info[0], at::kDouble, "weights");
    const auto drawn = at::multinomial(weights, toInteger(info[1], "n"), /*replacement=*/true, held_);
    return toTypedArray(info.Env(), drawn.to(at::kInt));
  }

  Napi::Value uniform(const Napi::CallbackInfo& info) {
    const auto drawn = draw(toNumber(info[0], "low"), toNumber(info[1], "high"));
    return Napi::Number::New(info.Env(), drawn.item<float>());
  }

  Napi::Value logUniform(const Napi::CallbackInfo& info) {
    const auto bounds = at::log(at::tensor(
        {static_cast<float>(toNumber(info[0], "low")), static_cast<float>(toNumber(info[1], "high"))}));
    const auto* bound = bounds.const_data_ptr<float>();
    return Napi::Number::New(info.Env(), at::exp(draw(bound[0], bound[1])).item<float>());
  }

  Napi::Value randint(const Napi::CallbackInfo& info) {
    const auto drawn = at::randint(0, toInteger(info[0], "high"), {1}, held_, at::kLong);
    return Napi::Number::New(info.Env(), static_cast<double>(drawn.item<int64_t>()));
  }

  Napi::Value getState(const Napi::CallbackInfo& info) {
    return toTypedArray(info.Env(), held_->get_state());
  }

  Napi::Value setState(const Napi::CallbackInfo& info) {
    const auto state = fromTypedArray(info[0], at::kByte, "state");
    try {
      held_->set_state(state);
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
