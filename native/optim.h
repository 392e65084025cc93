// torch.optim.Adam(fused=True).
#pragma once

#include <ATen/ATen.h>
#include <napi.h>

#include <memory>

#include "nn/network.h"

namespace spurmem {

class AdamHandle : public Napi::ObjectWrap<AdamHandle> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit AdamHandle(const Napi::CallbackInfo& info);

 private:
  Napi::Value step(const Napi::CallbackInfo& info);
  Napi::Value state(const Napi::CallbackInfo& info);
  Napi::Value loadState(const Napi::CallbackInfo& info);

  struct Adam;
  std::shared_ptr<Adam> adam_;
};

}  // namespace spurmem
