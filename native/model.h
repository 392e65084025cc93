// The JavaScript Model: a network on a device, run on the compute lane.
#pragma once

#include <ATen/ATen.h>
#include <napi.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "neurons.h"
#include "nn/network.h"

namespace spurmem {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// A contiguous copy on the CPU, as files hold it.
at::Tensor copyForSaving(const at::Tensor& tensor);
// Copies the tensor of that name into `target`; throws when it is missing or has another shape.
void copyNamed(const NamedTensors& tensors, const std::string& name, at::Tensor& target);
bool contains(const NamedTensors& tensors, const std::string& name);
Napi::Value wrapNamed(Napi::Env env, NamedTensors& tensors);
NamedTensors unwrapNamed(const Napi::Object& object);

class ModelHandle : public Napi::ObjectWrap<ModelHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  static std::shared_ptr<Network> unwrap(const Napi::Value& value, const std::string& name);

  explicit ModelHandle(const Napi::CallbackInfo& info);

 private:
  const std::shared_ptr<Network>& alive(Napi::Env env) const;

  Napi::Value describe(const Napi::CallbackInfo& info);
  Napi::Value forward(const Napi::CallbackInfo& info);
  Napi::Value forwardFeatures(const Napi::CallbackInfo& info);
  Napi::Value gradCam(const Napi::CallbackInfo& info);
  Napi::Value forwardStages(const Napi::CallbackInfo& info);
  Napi::Value forwardFrom(const Napi::CallbackInfo& info);
  Napi::Value stageCosts(const Napi::CallbackInfo& info);
  Napi::Value neuronNorms(const Napi::CallbackInfo& info);
  Napi::Value gradients(const Napi::CallbackInfo& info);
  Napi::Value loadGradients(const Napi::CallbackInfo& info);
  Napi::Value zeroGrad(const Napi::CallbackInfo& info);
  Napi::Value moveToward(const Napi::CallbackInfo& info);
  Napi::Value perturb(const Napi::CallbackInfo& info);
  Napi::Value restore(const Napi::CallbackInfo& info);
  Napi::Value state(const Napi::CallbackInfo& info);
  Napi::Value loadState(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<Network> network_;
  std::shared_ptr<std::vector<SavedWeights>> perturbations_ = std::make_shared<std::vector<SavedWeights>>();
};

// createModel({arch, numClasses, imageSize, patchSize, layerNormEps, generator, device, memoryFormat,
// precision}): a Model with PyTorch's initial weights.
Napi::Value createModel(const Napi::CallbackInfo& info);
// createProjectionHead({inputs, hidden, outputs, generator, device}): a Model that maps features [N, inputs]
// to projections [N, outputs].
Napi::Value createProjectionHead(const Napi::CallbackInfo& info);

}  // namespace spurmem
