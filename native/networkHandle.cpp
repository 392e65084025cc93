// The JavaScript Network: a network on a device, run on the compute lane.
#include <memory>
#include <unordered_map>
#include <vector>

#include "device/streams.h"
#include "distributed/processGroup.h"
#include "exports.h"
#include "handle.h"
#include "jobs.h"
#include "neurons.h"

namespace spurmem {

Napi::Value toJavaScript(Napi::Env env, const HeatMaps& maps) {
  return objectOf(env, "heat", maps.heat, "cells", std::vector{maps.rows, maps.columns});
}

Napi::Value toJavaScript(Napi::Env env, const NeuronOutputs::Layer& layer) {
  return objectOf(env, "outputs", layer.outputs, "cells", std::vector{layer.rows, layer.columns});
}

Napi::Value toJavaScript(Napi::Env env, const NeuronOutputs& found) {
  return objectOf(env, "layers", found.layers, "highest", found.highest, "places", found.places, "means",
                  found.means);
}

Napi::Value toJavaScript(Napi::Env env, const PlanOperator& one) {
  return objectOf(env, "name", one.name, "aliases", one.aliases, "writes", one.writes);
}

Napi::Value toJavaScript(Napi::Env env, const std::shared_ptr<Network>& network);

namespace {

Unit toUnit(const Napi::Value& value) {
  return toChoice<Unit>(value, "unit", {{"neuron", Unit::neuron}, {"weight", Unit::weight}});
}

WeightEdit toEdit(const Napi::Value& value, const std::string& name) {
  const Fields given(value, name);
  WeightEdit edit;
  edit.layer = given.text("layer");
  edit.unit = toUnit(given["unit"]);
  edit.kind = toChoice<EditKind>(given["kind"], "kind",
                                 {{"zero", EditKind::zero},
                                  {"replace", EditKind::replace},
                                  {"add", EditKind::add},
                                  {"output", EditKind::output}});
  edit.neurons = fromTypedArray(given["neurons"], at::kInt, "neurons");
  if (edit.kind != EditKind::zero) edit.values = fromTypedArray(given["values"], at::kFloat, "values");
  return edit;
}

std::vector<WeightEdit> toEdits(const Napi::Value& value) {
  return isGiven(value) ? toVector(value, "edits", toEdit) : std::vector<WeightEdit>{};
}

// A stage's input: the images, or another one's output, which is bfloat16 in a network of that precision.
at::Tensor toActivation(const Napi::Value& value, const std::string& name) {
  auto tensor = toTensor(value, name);
  if (tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16) return tensor;
  throw Napi::TypeError::New(value.Env(), c10::str("Expected a float32 Tensor for ", name,
                                                   " but received one of ", tensor.scalar_type()));
}

// How a pass runs, and its results in addition to the logits.
struct RunOptions {
  size_t stage = 0;
  Statistics statistics = Statistics::frozen;
  bool grad = false, features = false, costs = false;
  std::vector<WeightEdit> edits;
  std::optional<std::vector<size_t>> inputs;
};

RunOptions toRunOptions(const Napi::Value& value, const Network& network) {
  RunOptions options;
  if (!isGiven(value)) return options;
  const auto toStage = [&](int64_t stage) {
    if (stage >= 0 && static_cast<size_t>(stage) < network.countStages()) return static_cast<size_t>(stage);
    throw Napi::RangeError::New(value.Env(), "The network has no stage " + std::to_string(stage));
  };
  const Fields given(value, "options");
  options.stage = toStage(given.integer("stage", 0));
  options.grad = given.flag("grad", false);
  options.features = given.flag("features", false);
  options.costs = given.flag("costs", false);
  options.edits = toEdits(given["edits"]);
  if (given.has("statistics")) {
    options.statistics = toChoice<Statistics>(
        given["statistics"], "statistics",
        {{"shared", Statistics::shared}, {"separate", Statistics::separate}, {"frozen", Statistics::frozen}});
  }
  if (given.has("inputs")) {
    options.inputs.emplace();
    for (const auto stage : toIntegers(given["inputs"], "inputs")) options.inputs->push_back(toStage(stage));
  }
  return options;
}

// Results of a pass. Outputs that were not requested are undefined or empty.
struct RunResult {
  at::Tensor logits, features;
  std::optional<std::vector<at::Tensor>> inputs;
  std::optional<at::Tensor> costs;
};

Napi::Value toJavaScript(Napi::Env env, const RunResult& result) {
  auto object = objectOf(env, "logits", result.logits);
  if (result.features.defined()) setFields(object, "features", result.features);
  if (result.inputs) setFields(object, "inputs", *result.inputs);
  if (result.costs) setFields(object, "costs", Values{*result.costs});
  return object;
}

// The CPU's fused kernels turn NaN into 0, so that a pass without gradients would return logits for images
// that have none. Beyond the bound, sums and squares inside a network overflow.
void requireSound(const at::Tensor& images) {
  constexpr double kMax = 1e15;
  if (!images.is_cpu() || images.numel() == 0) return;
  const bool isChannelsLast = images.dim() == 4 && images.is_contiguous(at::MemoryFormat::ChannelsLast);
  const auto [least, most] = at::aminmax(isChannelsLast ? images.permute({0, 2, 3, 1}) : images);
  const double low = least.item<double>(), high = most.item<double>();
  TORCH_CHECK(low >= -kMax && high <= kMax, "the batch has values of ", low, " to ", high,
              ": they are to be finite, and of at most ", kMax);
}

RunResult run(const Network& network, const at::Tensor& input, const RunOptions& options) {
  if (options.stage == 0 && !options.grad) requireSound(input);
  at::AutoGradMode gradMode(options.grad);
  RunResult result;
  std::unordered_map<size_t, at::Tensor> inputs;
  std::vector<double> costs;
  const auto replacements = applyEdits(network, options.edits);
  ForwardContext context;
  context.statistics = options.statistics;
  if (!replacements.empty()) context.replacements = &replacements;
  if (options.features) context.features = &result.features;
  if (options.costs) context.multiplyAdds = &costs;
  if (options.inputs) {
    for (const auto stage : *options.inputs) inputs[stage];
    context.inputs = &inputs;
  }
  result.logits = network.forward(options.stage, input, context);
  if (options.features) {
    TORCH_CHECK(result.features.defined(), "the network has no classifier, which would have features");
    result.features = result.features.to(at::kFloat);
  }
  if (options.costs) result.costs = at::tensor(costs, at::kDouble);
  if (options.inputs) {
    result.inputs.emplace();
    for (const auto stage : *options.inputs) result.inputs->push_back(inputs[stage]);
  }
  return result;
}

NamedTensors stateOf(const Network& network) {
  NamedTensors state;
  for (const auto& [name, value] : network.parameters) state.emplace_back(name, value);
  for (const auto& [name, value] : network.buffers) state.emplace_back(name, value);
  return state;
}

void moveToward(const NamedTensors& from, const NamedTensors& to, double share) {
  bool isAlike = from.size() == to.size();
  for (size_t i = 0; isAlike && i < from.size(); ++i) {
    isAlike = from[i].first == to[i].first && from[i].second.sizes() == to[i].second.sizes();
  }
  TORCH_CHECK(isAlike, "the models differ in their parameters");
  at::NoGradGuard noGrad;
  for (size_t i = 0; i < from.size(); ++i) {
    const auto &value = from[i].second, &target = to[i].second;
    if (at::isFloatingType(value.scalar_type())) {
      value.lerp_(target, share);
    } else {
      value.copy_(target);
    }
  }
}

class NetworkHandle : public Handle<NetworkHandle, std::shared_ptr<Network>> {
 public:
  static constexpr auto kName = "Network";
  static constexpr napi_type_tag kTag = {0x7370757265746e73, 0x6e65747730303031};

  static void exportTo(Napi::Object exports) {
    exportClass(exports, {
                             method<&NetworkHandle::run>("run(input, options)"),
                             method<&NetworkHandle::gradCam>("gradCam(batch, layer, output)"),
                             method<&NetworkHandle::neuronScores>("neuronScores(score, unit)"),
                             method<&NetworkHandle::outputSums>("outputSums(batch)"),
                             method<&NetworkHandle::neuronOutputs>("neuronOutputs(batch, neurons)"),
                             method<&NetworkHandle::gradients>("gradients()"),
                             method<&NetworkHandle::loadGradients>("loadGradients(gradients)"),
                             method<&NetworkHandle::trainOnly>("trainOnly(neurons)"),
                             method<&NetworkHandle::zeroGrad>("zeroGrad(reduces)"),
                             method<&NetworkHandle::distribute>("distribute(group, synchronizesNorms)"),
                             method<&NetworkHandle::sumGradients>("sumGradients(group)"),
                             method<&NetworkHandle::copyBuffersFromFirst>("copyBuffersFromFirst(group)"),
                             method<&NetworkHandle::moveToward>("moveToward(other, share)"),
                             method<&NetworkHandle::state>("state()"),
                             method<&NetworkHandle::loadState>("loadState(tensors)"),
                         });
  }

  explicit NetworkHandle(const Napi::CallbackInfo& info) : Handle(info, made(info)) {}

 private:
  Napi::Value run(const Napi::CallbackInfo& info) {
    const auto network = held(info.Env());
    return compute(
        info, [network, input = toActivation(info[0], "input"), options = toRunOptions(info[1], *network)] {
          return spurmem::run(*network, input, options);
        });
  }

  Napi::Value gradCam(const Napi::CallbackInfo& info) {
    return compute(info, [network = held(info.Env()), batch = toActivation(info[0], "batch"),
                          layer = toString(info[1], "layer"), output = toInteger(info[2], "output")] {
      return spurmem::gradCam(*network, batch, layer, output);
    });
  }

  Napi::Value neuronScores(const Napi::CallbackInfo& info) {
    const auto score = toChoice<Score>(info[0], "score",
                                       {{"weight", Score::weight},
                                        {"gradient", Score::gradient},
                                        {"gradient-x-weight", Score::gradientXWeight}});
    return compute(info, [network = held(info.Env()), score, unit = toUnit(info[1])] {
      return spurmem::neuronScores(*network, unit, score);
    });
  }

  Napi::Value outputSums(const Napi::CallbackInfo& info) {
    return compute(info, [network = held(info.Env()), batch = toActivation(info[0], "batch")] {
      requireSound(batch);
      return spurmem::outputSums(*network, batch);
    });
  }

  Napi::Value neuronOutputs(const Napi::CallbackInfo& info) {
    return compute(info, [network = held(info.Env()), batch = toActivation(info[0], "batch"),
                          neurons = toEdits(info[1])] {
      TORCH_CHECK(!neurons.empty(), "no neurons are named");
      return spurmem::neuronOutputs(*network, batch, neurons);
    });
  }

  // Parameters without a gradient are left out.
  Napi::Value gradients(const Napi::CallbackInfo& info) {
    return compute(info, [network = held(info.Env())] {
      NamedTensors gradients;
      for (const auto& [name, value] : network->parameters) {
        if (value.grad().defined()) gradients.emplace_back(name, value.grad());
      }
      return copiesOf(gradients);
    });
  }

  Napi::Value loadGradients(const Napi::CallbackInfo& info) {
    return compute(info, [network = held(info.Env()), given = toNamedTensors(info[0], "gradients")] {
      at::NoGradGuard noGrad;
      NamedTensors gradients;
      for (const auto& [name, value] : given) {
        const auto& parameter = network->parameter(name).value;
        TORCH_CHECK(parameter.requires_grad(), name, " is a buffer, which has no gradient");
        gradients.emplace_back(name, at::empty_like(parameter));
      }
      copyInto(gradients, given);
      for (const auto& [name, gradient] : gradients) {
        network->parameter(name).value.mutable_grad() = gradient;
      }
    });
  }

  Napi::Value trainOnly(const Napi::CallbackInfo& info) {
    return compute(info, [network = held(info.Env()), neurons = toEdits(info[0])] {
      spurmem::trainOnly(*network, neurons);
    });
  }

  // Also has the next backward pass average the gradients over the processes, if there are several.
  Napi::Value zeroGrad(const Napi::CallbackInfo& info) {
    const bool reduces = isGiven(info[0]) && toBoolean(info[0], "reduces");
    return compute(info, [network = held(info.Env()), reduces] {
      for (auto& parameter : network->parameters) parameter.value.mutable_grad().reset();
      if (reduces && network->distribution) network->distribution->prepare();
    });
  }

  Napi::Value distribute(const Napi::CallbackInfo& info) {
    return compute(info, [network = held(info.Env()), group = toProcessGroup(info[0], "group"),
                          synchronizesNorms = toBoolean(info[1], "synchronizesNorms")] {
      network->distribution = spurmem::distribute(*network, group, synchronizesNorms);
    });
  }

  Napi::Value sumGradients(const Napi::CallbackInfo& info) {
    return compute(info, [network = held(info.Env()), group = toProcessGroup(info[0], "group")] {
      at::NoGradGuard noGrad;
      for (auto& parameter : network->parameters) {
        auto& gradient = parameter.value.mutable_grad();
        // A process without examples has no gradient.
        if (!gradient.defined()) gradient = at::zeros_like(parameter.value);
        group->sum(gradient);
      }
    });
  }

  Napi::Value copyBuffersFromFirst(const Napi::CallbackInfo& info) {
    return compute(info, [network = held(info.Env()), group = toProcessGroup(info[0], "group")] {
      for (const auto& buffer : network->buffers) group->copyFromFirst(buffer.value);
    });
  }

  Napi::Value moveToward(const Napi::CallbackInfo& info) {
    return compute(info, [network = held(info.Env()), other = unwrap(info[0], "other"),
                          share = toNumber(info[1], "share")] {
      spurmem::moveToward(stateOf(*network), stateOf(*other), share);
    });
  }

  Napi::Value state(const Napi::CallbackInfo& info) {
    return compute(info, [network = held(info.Env())] { return viewsOf(stateOf(*network)); });
  }

  Napi::Value loadState(const Napi::CallbackInfo& info) {
    return compute(info, [network = held(info.Env()), tensors = toNamedTensors(info[0], "tensors")] {
      copyInto(stateOf(*network), tensors);
    });
  }
};

// The parameters become leaves of the graph on the device, convolutions' weights in the memory format.
void moveTo(Network& network, const at::Device& device, at::MemoryFormat memoryFormat) {
  for (auto& parameter : network.parameters) {
    auto& value = parameter.value;
    const auto format = value.dim() == 4 ? memoryFormat : at::MemoryFormat::Preserve;
    value = sendTo(device, value.to(value.options(), false, false, format)).set_requires_grad(true);
  }
  for (auto& buffer : network.buffers) buffer.value = sendTo(device, buffer.value);
}

// createNetwork({plan, generator, device, memoryFormat, precision})
Napi::Value createNetwork(const Napi::CallbackInfo& info) {
  const Fields given(info[0], "options");
  const auto device = toDevice(given["device"]);
  const auto format =
      given.has("memoryFormat") ? toMemoryFormat(given["memoryFormat"]) : at::MemoryFormat::Contiguous;
  const bool isBf16 = given.has("precision") &&
                      toChoice<bool>(given["precision"], "precision", {{"fp32", false}, {"bf16", true}});
  return compute(info, [device, format, isBf16, plan = toPlan(given["plan"], given["constants"]),
                        generator = toGenerator(given["generator"], "generator")] {
    at::NoGradGuard noGrad;
    auto network = std::make_shared<Network>(plan, device, generator);
    moveTo(*network, device, format);
    network->isBf16 = isBf16;
    return network;
  });
}

// [{name, aliases, writes}]
Napi::Value listPlanOperators(const Napi::CallbackInfo& info) {
  return toJavaScript(info.Env(), planOperators());
}

}  // namespace

void exportNetworks(Napi::Object exports) {
  NetworkHandle::exportTo(exports);
  exportFunction<createNetwork>(exports, "createNetwork(options)");
  exportFunction<listPlanOperators>(exports, "planOperators()");
}

std::shared_ptr<Network> toNetwork(const Napi::Value& value, const std::string& name) {
  return NetworkHandle::unwrap(value, name);
}

Napi::Value toJavaScript(Napi::Env env, const std::shared_ptr<Network>& network) {
  return NetworkHandle::wrap(env, network);
}

}  // namespace spurmem
