#include "model.h"

#include <algorithm>

#include "arguments.h"
#include "engine.h"
#include "generator.h"
#include "gradcam.h"
#include "nn/projection.h"
#include "nn/resnet.h"
#include "nn/vit.h"
#include "precision.h"
#include "tensor.h"

namespace spurmem {

namespace {

constexpr napi_type_tag kModelTag = {0x7370757265746e73, 0x6d6f64656c303031};

Unit toUnit(const Napi::Value& value) {
  const auto name = toString(value, "unit");
  if (name == "neuron") return Unit::row;
  if (name == "weight") return Unit::weight;
  throw expected(value.Env(), "'neuron' or 'weight'", "unit", value);
}

Perturbation toPerturbation(const Napi::Value& value) {
  const auto name = toString(value, "kind");
  if (name == "zero") return Perturbation::zero;
  if (name == "reinit") return Perturbation::replace;
  if (name == "noise") return Perturbation::add;
  throw expected(value.Env(), "'zero', 'reinit' or 'noise'", "kind", value);
}

std::vector<WeightEdit> toEdits(const Napi::Value& value) {
  std::vector<WeightEdit> edits;
  if (value.IsNull() || value.IsUndefined()) return edits;
  const auto array = toArray(value, "edits");
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const auto item = toObject(array.Get(i), "edit");
    WeightEdit edit;
    edit.layer = toString(item.Get("layer"), "layer");
    edit.unit = toUnit(item.Get("unit"));
    edit.kind = toPerturbation(item.Get("kind"));
    edit.neurons = toInt32s(item.Get("neurons"), "neurons");
    if (edit.kind != Perturbation::zero) edit.values = toFloat32s(item.Get("values"), "values");
    edits.push_back(std::move(edit));
  }
  return edits;
}

bool isBf16(const Napi::Value& value) {
  const auto name = toString(value, "precision");
  if (name != "fp32" && name != "bf16") throw expected(value.Env(), "'fp32' or 'bf16'", "precision", value);
  return name == "bf16";
}

// Logits from a stage on, in the network's precision; float32 themselves.
at::Tensor runFrom(const Network& network, size_t stage, const at::Tensor& activation,
                   const ForwardContext& context) {
  const PrecisionGuard precision(network.isBf16, activation.device().type());
  return network.forwardFrom(stage, activation, context).to(at::kFloat);
}

Napi::Value wrapTensor(Napi::Env env, at::Tensor& tensor) {
  return TensorHandle::wrap(env, std::move(tensor));
}

Napi::Array describeParameters(Napi::Env env, const std::deque<Parameter>& parameters) {
  auto array = Napi::Array::New(env, parameters.size());
  for (uint32_t i = 0; i < parameters.size(); ++i) {
    auto item = Napi::Object::New(env);
    const auto sizes = parameters[i].value.sizes();
    auto shape = Napi::Array::New(env, sizes.size());
    for (uint32_t j = 0; j < sizes.size(); ++j) shape[j] = static_cast<double>(sizes[j]);
    item.Set("name", parameters[i].name);
    item.Set("shape", shape);
    array[i] = item;
  }
  return array;
}

VitOptions toVitOptions(const Napi::Object& options) {
  VitOptions vit;
  const auto imageSize = toIntegers(options.Get("imageSize"), "imageSize");
  if (imageSize.size() != 2)
    throw expected(options.Env(), "[height, width]", "imageSize", options.Get("imageSize"));
  vit.imageHeight = imageSize[0];
  vit.imageWidth = imageSize[1];
  vit.patchSize = toInteger(options.Get("patchSize"), "patchSize");
  vit.layerNormEps = toNumber(options.Get("layerNormEps"), "layerNormEps");
  return vit;
}

size_t toStage(const Napi::Value& value, const Network& network) {
  const auto stage = toInteger(value, "stage");
  if (stage < 0 || static_cast<size_t>(stage) >= network.stages.size()) {
    throw Napi::RangeError::New(value.Env(), "The model has no stage " + std::to_string(stage));
  }
  return static_cast<size_t>(stage);
}

}  // namespace

at::Tensor copyForSaving(const at::Tensor& tensor) {
  at::NoGradGuard noGrad;
  return tensor.detach().to(at::kCPU).clone(at::MemoryFormat::Contiguous);
}

void copyNamed(const NamedTensors& tensors, const std::string& name, at::Tensor& target) {
  at::NoGradGuard noGrad;
  for (const auto& [key, value] : tensors) {
    if (key != name) continue;
    TORCH_CHECK(value.sizes() == target.sizes(), name, " has the shape ", value.sizes(),
                ", but the model needs ", target.sizes());
    target.copy_(value);
    return;
  }
  TORCH_CHECK(false, name, " is missing");
}

bool contains(const NamedTensors& tensors, const std::string& name) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&name](const auto& tensor) { return tensor.first == name; });
}

Napi::Value wrapNamed(Napi::Env env, NamedTensors& tensors) {
  auto object = Napi::Object::New(env);
  for (auto& [name, tensor] : tensors) object.Set(name, TensorHandle::wrap(env, std::move(tensor)));
  return object;
}

NamedTensors unwrapNamed(const Napi::Object& object) {
  NamedTensors tensors;
  const auto names = object.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const auto name = names.Get(i).ToString().Utf8Value();
    tensors.emplace_back(name, TensorHandle::unwrap(object.Get(name), name));
  }
  return tensors;
}

Napi::Function ModelHandle::define(Napi::Env env) {
  return DefineClass(env, "Model",
                     {
                         InstanceMethod<&ModelHandle::describe>("describe"),
                         InstanceMethod<&ModelHandle::forward>("forward"),
                         InstanceMethod<&ModelHandle::forwardFeatures>("forwardFeatures"),
                         InstanceMethod<&ModelHandle::gradCam>("gradCam"),
                         InstanceMethod<&ModelHandle::forwardStages>("forwardStages"),
                         InstanceMethod<&ModelHandle::forwardFrom>("forwardFrom"),
                         InstanceMethod<&ModelHandle::stageCosts>("stageCosts"),
                         InstanceMethod<&ModelHandle::neuronNorms>("neuronNorms"),
                         InstanceMethod<&ModelHandle::gradients>("gradients"),
                         InstanceMethod<&ModelHandle::loadGradients>("loadGradients"),
                         InstanceMethod<&ModelHandle::zeroGrad>("zeroGrad"),
                         InstanceMethod<&ModelHandle::moveToward>("moveToward"),
                         InstanceMethod<&ModelHandle::perturb>("perturb"),
                         InstanceMethod<&ModelHandle::restore>("restore"),
                         InstanceMethod<&ModelHandle::state>("state"),
                         InstanceMethod<&ModelHandle::loadState>("loadState"),
                         InstanceMethod<&ModelHandle::dispose>("dispose"),
                     });
}

std::shared_ptr<Network> ModelHandle::unwrap(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kModelTag)) {
    throw expected(value.Env(), "a Model", name, value);
  }
  return Unwrap(value.As<Napi::Object>())->alive(value.Env());
}

ModelHandle::ModelHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ModelHandle>(info) {
  if (!info[0].IsExternal()) {
    throw Napi::TypeError::New(info.Env(), "Model has no public constructor: use createModel(options)");
  }
  info.This().As<Napi::Object>().TypeTag(&kModelTag);
  network_ = *info[0].As<Napi::External<std::shared_ptr<Network>>>().Data();
}

const std::shared_ptr<Network>& ModelHandle::alive(Napi::Env env) const {
  if (!network_) throw Napi::TypeError::New(env, "This Model was disposed");
  return network_;
}

// describe(): {parameters, buffers: {name, shape}[], stages: string[], layers: {name, size, weights,
// stage}[]}
Napi::Value ModelHandle::describe(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  const auto& network = *alive(env);
  auto stages = Napi::Array::New(env, network.stages.size());
  for (uint32_t i = 0; i < network.stages.size(); ++i) stages[i] = network.stages[i].name;
  auto layers = Napi::Array::New(env, network.layers.size());
  for (uint32_t i = 0; i < network.layers.size(); ++i) {
    const auto& layer = network.layers[i];
    auto item = Napi::Object::New(env);
    item.Set("name", layer.name);
    item.Set("size", static_cast<double>(layer.weight->value.size(0)));
    item.Set("weights", static_cast<double>(layer.weight->value.numel() / layer.weight->value.size(0)));
    item.Set("stage", static_cast<double>(layer.stage));
    layers[i] = item;
  }
  auto result = Napi::Object::New(env);
  result.Set("parameters", describeParameters(env, network.parameters));
  result.Set("buffers", describeParameters(env, network.buffers));
  result.Set("stages", stages);
  result.Set("layers", layers);
  return result;
}

// forward(batch, training, grad, edits): logits. `training` uses and updates batch statistics, as train()
// does; `grad` records the graph.
Napi::Value ModelHandle::forward(const Napi::CallbackInfo& info) {
  return submit(
      info.Env(), LaneName::compute,
      [network = alive(info.Env()), batch = TensorHandle::unwrap(info[0], "batch"),
       training = toBoolean(info[1], "training"), grad = toBoolean(info[2], "grad"),
       edits = toEdits(info[3])] {
        at::AutoGradMode gradMode(grad);
        const auto replacements = applyEdits(*network, edits);
        return runFrom(*network, 0, batch, {training, &replacements});
      },
      wrapTensor);
}

// forwardFeatures(batch, statistics, edits): with the graph, {features, logits}: what the classifier sees,
// and what it says. `statistics` is how batch-norm normalizes: 'shared' with the batch's, which update the
// running ones; 'separate' without updating them; 'frozen' with the running ones.
Napi::Value ModelHandle::forwardFeatures(const Napi::CallbackInfo& info) {
  const auto& network = alive(info.Env());
  const auto statistics = toString(info[1], "statistics");
  if (statistics != "shared" && statistics != "separate" && statistics != "frozen") {
    throw expected(info.Env(), "'shared', 'separate' or 'frozen'", "statistics", info[1]);
  }
  return submit(
      info.Env(), LaneName::compute,
      [network, statistics, batch = TensorHandle::unwrap(info[0], "batch"), edits = toEdits(info[2])] {
        const auto replacements = applyEdits(*network, edits);
        ForwardContext context{statistics != "frozen", &replacements};
        context.updatesStatistics = statistics == "shared";
        const PrecisionGuard precision(network->isBf16, batch.device().type());
        auto activation = batch;
        for (size_t i = 0; i + 1 < network->stages.size(); ++i) {
          activation = network->stages[i].run(std::move(activation), context);
        }
        auto features = network->penultimate(std::move(activation), context);
        auto logits = network->classify(features, context);
        return NamedTensors{{"features", features.to(at::kFloat)}, {"logits", logits.to(at::kFloat)}};
      },
      wrapNamed);
}

// gradCam(batch, layer, output, gridHeight): {heat, cells}: [N, H, W] heat maps, and [rows, columns] of the
// layer.
Napi::Value ModelHandle::gradCam(const Napi::CallbackInfo& info) {
  return submit(
      info.Env(), LaneName::compute,
      [network = alive(info.Env()), batch = TensorHandle::unwrap(info[0], "batch"),
       layer = toString(info[1], "layer"), output = toInteger(info[2], "output"),
       gridHeight = toInteger(info[3], "gridHeight")] {
        return spurmem::gradCam(*network, batch, layer, output, gridHeight);
      },
      [](Napi::Env env, HeatMaps& maps) {
        auto cells = Napi::Array::New(env, 2);
        cells[0u] = static_cast<double>(maps.rows);
        cells[1u] = static_cast<double>(maps.columns);
        auto result = Napi::Object::New(env);
        result.Set("heat", TensorHandle::wrap(env, std::move(maps.heat)));
        result.Set("cells", cells);
        return result;
      });
}

// forwardStages(batch, stages): in eval mode, {logits, inputs}, with the input of each stage that was asked
// for.
Napi::Value ModelHandle::forwardStages(const Napi::CallbackInfo& info) {
  const auto& network = alive(info.Env());
  const auto array = toArray(info[1], "stages");
  std::vector<size_t> wanted;
  for (uint32_t i = 0; i < array.Length(); ++i) wanted.push_back(toStage(array.Get(i), *network));
  return submit(
      info.Env(), LaneName::compute,
      [network, wanted, batch = TensorHandle::unwrap(info[0], "batch")] {
        at::NoGradGuard noGrad;
        const PrecisionGuard precision(network->isBf16, batch.device().type());
        const ForwardContext context;
        std::vector<at::Tensor> results(wanted.size());
        auto activation = batch;
        for (size_t i = 0; i < network->stages.size(); ++i) {
          for (size_t j = 0; j < wanted.size(); ++j) {
            if (wanted[j] == i) results[j] = activation;
          }
          activation = network->stages[i].run(std::move(activation), context);
        }
        results.push_back(activation.to(at::kFloat));
        return results;
      },
      [](Napi::Env env, std::vector<at::Tensor>& results) {
        auto inputs = Napi::Array::New(env, results.size() - 1);
        for (uint32_t i = 0; i + 1 < results.size(); ++i) inputs[i] = TensorHandle::wrap(env, results[i]);
        auto result = Napi::Object::New(env);
        result.Set("inputs", inputs);
        result.Set("logits", TensorHandle::wrap(env, results.back()));
        return result;
      });
}

// forwardFrom(stage, activation, edits): in eval mode, the logits from a stage's input on.
Napi::Value ModelHandle::forwardFrom(const Napi::CallbackInfo& info) {
  const auto& network = alive(info.Env());
  return submit(
      info.Env(), LaneName::compute,
      [network, stage = toStage(info[0], *network), activation = TensorHandle::unwrap(info[1], "activation"),
       edits = toEdits(info[2])] {
        at::NoGradGuard noGrad;
        const auto replacements = applyEdits(*network, edits);
        return runFrom(*network, stage, activation, {false, &replacements});
      },
      wrapTensor);
}

// stageCosts(batch): multiply-adds of each stage for this batch, from one forward pass in eval mode.
Napi::Value ModelHandle::stageCosts(const Napi::CallbackInfo& info) {
  return submit(
      info.Env(), LaneName::compute,
      [network = alive(info.Env()), batch = TensorHandle::unwrap(info[0], "batch")] {
        at::NoGradGuard noGrad;
        std::vector<double> costs;
        auto activation = batch;
        for (const auto& stage : network->stages) {
          double multiplyAdds = 0;
          activation = stage.run(std::move(activation), {false, nullptr, &multiplyAdds});
          costs.push_back(multiplyAdds);
        }
        return costs;
      },
      [](Napi::Env env, std::vector<double>& costs) {
        auto array = Napi::Float64Array::New(env, costs.size());
        std::copy(costs.begin(), costs.end(), array.Data());
        return array;
      });
}

// neuronNorms('weight' | 'gradient', unit): [M] float32, one l2 norm a neuron in layer order.
Napi::Value ModelHandle::neuronNorms(const Napi::CallbackInfo& info) {
  const auto of = toString(info[0], "of");
  if (of != "weight" && of != "gradient") throw expected(info.Env(), "'weight' or 'gradient'", "of", info[0]);
  return submit(
      info.Env(), LaneName::compute,
      [network = alive(info.Env()), of, unit = toUnit(info[1])] {
        return spurmem::neuronNorms(*network, unit, of == "gradient");
      },
      wrapTensor);
}

// gradients(): copies of the parameters' gradients by name; parameters without one are left out.
Napi::Value ModelHandle::gradients(const Napi::CallbackInfo& info) {
  return submit(
      info.Env(), LaneName::compute,
      [network = alive(info.Env())] {
        NamedTensors gradients;
        for (const auto& [name, value] : network->parameters) {
          if (value.grad().defined()) gradients.emplace_back(name, copyForSaving(value.grad()));
        }
        return gradients;
      },
      wrapNamed);
}

// loadGradients(tensors): sets the gradients of the parameters of these names; the others keep theirs.
Napi::Value ModelHandle::loadGradients(const Napi::CallbackInfo& info) {
  return submitVoid(info.Env(), LaneName::compute,
                    [network = alive(info.Env()), tensors = unwrapNamed(toObject(info[0], "tensors"))] {
                      at::NoGradGuard noGrad;
                      for (auto& parameter : network->parameters) {
                        if (!contains(tensors, parameter.name)) continue;
                        auto gradient = at::empty_like(parameter.value);
                        copyNamed(tensors, parameter.name, gradient);
                        parameter.value.mutable_grad() = gradient;
                      }
                    });
}

// moveToward(other, share): every parameter and running statistic goes that share of the way to the other
// model's. Counts are copied.
Napi::Value ModelHandle::moveToward(const Napi::CallbackInfo& info) {
  return submitVoid(
      info.Env(), LaneName::compute,
      [network = alive(info.Env()), other = unwrap(info[0], "other"), share = toNumber(info[1], "share")] {
        at::NoGradGuard noGrad;
        const auto move = [share](std::deque<Parameter>& from, const std::deque<Parameter>& to) {
          TORCH_CHECK(from.size() == to.size(), "the models differ in their parameters");
          for (size_t i = 0; i < from.size(); ++i) {
            auto& value = from[i].value;
            if (at::isFloatingType(value.scalar_type())) {
              value.lerp_(to[i].value, share);
            } else {
              value.copy_(to[i].value);
            }
          }
        };
        move(network->parameters, other->parameters);
        move(network->buffers, other->buffers);
      });
}

// Sets gradients to none, as optimizer.zero_grad() does.
Napi::Value ModelHandle::zeroGrad(const Napi::CallbackInfo& info) {
  return submitVoid(info.Env(), LaneName::compute, [network = alive(info.Env())] {
    for (auto& parameter : network->parameters) parameter.value.mutable_grad().reset();
  });
}

// perturb(edits): edits the weights in place, until restore().
Napi::Value ModelHandle::perturb(const Napi::CallbackInfo& info) {
  return submitVoid(info.Env(), LaneName::compute,
                    [network = alive(info.Env()), perturbations = perturbations_, edits = toEdits(info[0])] {
                      perturbations->push_back(perturbInPlace(*network, edits));
                    });
}

// restore(): undoes the last perturb().
Napi::Value ModelHandle::restore(const Napi::CallbackInfo& info) {
  return submitVoid(info.Env(), LaneName::compute,
                    [network = alive(info.Env()), perturbations = perturbations_] {
                      TORCH_CHECK(!perturbations->empty(), "the model is not perturbed: nothing to restore");
                      restoreInPlace(perturbations->back());
                      perturbations->pop_back();
                    });
}

// state(): copies of all parameters and buffers by their PyTorch names.
Napi::Value ModelHandle::state(const Napi::CallbackInfo& info) {
  return submit(
      info.Env(), LaneName::compute,
      [network = alive(info.Env())] {
        NamedTensors state;
        for (const auto& [name, value] : network->parameters) state.emplace_back(name, copyForSaving(value));
        for (const auto& [name, value] : network->buffers) state.emplace_back(name, copyForSaving(value));
        return state;
      },
      wrapNamed);
}

// loadState(tensors): copies every named tensor into the parameter or buffer of its name. All are checked
// before the first is written; parameters that are not named keep their values.
Napi::Value ModelHandle::loadState(const Napi::CallbackInfo& info) {
  return submitVoid(info.Env(), LaneName::compute,
                    [network = alive(info.Env()), tensors = unwrapNamed(toObject(info[0], "tensors"))] {
                      std::unordered_map<std::string, Parameter*> targets;
                      for (auto& parameter : network->parameters) targets[parameter.name] = &parameter;
                      for (auto& buffer : network->buffers) targets[buffer.name] = &buffer;
                      for (const auto& [name, value] : tensors) {
                        const auto target = targets.find(name);
                        TORCH_CHECK(target != targets.end(), "the model has no parameter named ", name);
                        TORCH_CHECK(value.sizes() == target->second->value.sizes(), name, " has the shape ",
                                    value.sizes(), ", but the model needs ", target->second->value.sizes());
                      }
                      at::NoGradGuard noGrad;
                      for (const auto& [name, value] : tensors) targets[name]->value.copy_(value);
                    });
}

Napi::Value ModelHandle::dispose(const Napi::CallbackInfo& info) {
  network_.reset();
  return info.Env().Undefined();
}

namespace {

// The parameters become leaves of the graph on the device, convolutions' weights in the memory format.
void moveTo(Network& network, const at::Device& device, at::MemoryFormat memoryFormat) {
  for (auto& parameter : network.parameters) {
    auto& value = parameter.value;
    const auto format = value.dim() == 4 ? memoryFormat : at::MemoryFormat::Preserve;
    value = value.to(value.options().device(device), false, false, format).set_requires_grad(true);
  }
  for (auto& buffer : network.buffers) buffer.value = buffer.value.to(device);
}

Napi::Value wrapNetwork(Napi::Env env, std::shared_ptr<Network>& network) {
  return Environment::of(env).modelClass.New({Napi::External<std::shared_ptr<Network>>::New(env, &network)});
}

}  // namespace

Napi::Value createModel(const Napi::CallbackInfo& info) {
  const auto options = toObject(info[0], "options");
  return submit(
      info.Env(), LaneName::compute,
      [arch = toString(options.Get("arch"), "arch"),
       numClasses = toInteger(options.Get("numClasses"), "numClasses"),
       generator = GeneratorHandle::unwrap(options.Get("generator"), "generator"),
       vit = toVitOptions(options), device = toDevice(options.Get("device")),
       memoryFormat = toMemoryFormat(options.Get("memoryFormat")), bf16 = isBf16(options.Get("precision"))] {
        at::NoGradGuard noGrad;
        std::shared_ptr<Network> network = makeResNet(arch, numClasses, generator);
        if (!network) network = makeVit(arch, numClasses, vit, generator);
        TORCH_CHECK(network, "unknown architecture ", arch);
        moveTo(*network, device, memoryFormat);
        network->isBf16 = bf16;
        return network;
      },
      wrapNetwork);
}

Napi::Value createProjectionHead(const Napi::CallbackInfo& info) {
  const auto options = toObject(info[0], "options");
  return submit(
      info.Env(), LaneName::compute,
      [inputs = toInteger(options.Get("inputs"), "inputs"),
       hidden = toInteger(options.Get("hidden"), "hidden"),
       outputs = toInteger(options.Get("outputs"), "outputs"),
       generator = GeneratorHandle::unwrap(options.Get("generator"), "generator"),
       device = toDevice(options.Get("device"))] {
        at::NoGradGuard noGrad;
        std::shared_ptr<Network> network = makeProjectionHead(inputs, hidden, outputs, generator);
        moveTo(*network, device, at::MemoryFormat::Preserve);
        return network;
      },
      wrapNetwork);
}

}  // namespace spurmem
