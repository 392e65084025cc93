#include "namedTensors.h"

#include <unordered_map>

#include "arguments.h"
#include "device/streams.h"
#include "tensor.h"

namespace spurmem {

NamedTensors toNamedTensors(const Napi::Value& value, const std::string& name) {
  const auto object = toObject(value, name);
  NamedTensors tensors;
  const auto names = object.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const auto key = names.Get(i).ToString().Utf8Value();
    tensors.emplace_back(key, toTensor(object.Get(key), name + "." + key));
  }
  return tensors;
}

Napi::Value toJavaScript(Napi::Env env, const NamedTensors& tensors) {
  auto object = Napi::Object::New(env);
  for (const auto& [name, tensor] : tensors) object.Set(name, toJavaScript(env, tensor));
  return object;
}

NamedTensors copiesOf(const NamedTensors& tensors) {
  at::NoGradGuard noGrad;
  NamedTensors copies;
  for (const auto& [name, tensor] : tensors) {
    copies.emplace_back(name, tensor.detach().to(at::kCPU).clone(at::MemoryFormat::Contiguous));
  }
  return copies;
}

NamedTensors viewsOf(const NamedTensors& tensors) {
  NamedTensors views;
  for (const auto& [name, tensor] : tensors) views.emplace_back(name, tensor.detach());
  return views;
}

void copyInto(const NamedTensors& targets, const NamedTensors& values) {
  at::NoGradGuard noGrad;
  std::unordered_map<std::string, at::Tensor> byName(targets.begin(), targets.end());
  for (const auto& [name, value] : values) {
    const auto target = byName.find(name);
    TORCH_CHECK(target != byName.end(), "the model has no parameter named ", name);
    TORCH_CHECK(value.sizes() == target->second.sizes(), name, " has the shape ", value.sizes(),
                ", but the model needs ", target->second.sizes());
  }
  for (const auto& [name, value] : values) {
    const auto& target = byName[name];
    target.copy_(sendTo(target.device(), value));
  }
}

}  // namespace spurmem
