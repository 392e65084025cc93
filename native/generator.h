// torch.Generator on the CPU: the same seed draws the same numbers as PyTorch.
#pragma once

#include <ATen/ATen.h>
#include <napi.h>

namespace spurmem {

class GeneratorHandle : public Napi::ObjectWrap<GeneratorHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  static at::Generator unwrap(const Napi::Value& value, const std::string& name);

  explicit GeneratorHandle(const Napi::CallbackInfo& info);

 private:
  Napi::Value random(const Napi::CallbackInfo& info);
  Napi::Value randperm(const Napi::CallbackInfo& info);
  Napi::Value randn(const Napi::CallbackInfo& info);
  Napi::Value multinomial(const Napi::CallbackInfo& info);
  Napi::Value augmentations(const Napi::CallbackInfo& info);
  Napi::Value getState(const Napi::CallbackInfo& info);
  Napi::Value setState(const Napi::CallbackInfo& info);

  at::Generator generator_;
};

}  // namespace spurmem
