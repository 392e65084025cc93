// The JavaScript Network: a network on a device, run on the compute lane.
#include "classes.h"

#include <unordered_map>
#include <utility>
#include <vector>

#include "describe.h"
#include "device/streams.h"
#include "distributed/processGroup.h"
#include "exports.h"
#include "gradcam.h"
#include "handle.h"
#include "jobs.h"
#include "namedTensors.h"
#include "neurons.h"
#include "programPlan.h"

namespace spurmem {

Napi::Value toJavaScript(Napi::Env env, const HeatMaps& maps) {
  return objectOf(env, {{"heat", toJavaScript(env, maps.heat)},
                        {"cells", arrayOf(env, std::array{maps.rows, maps.columns})}});
}

Napi::Value toJavaScript(Napi::Env env, const NeuronOutputs::Layer& layer) {
  return objectOf(env, {{"outputs", toJavaScript(env, layer.outputs)},
                        {"cells", arrayOf(env, std::array{layer.rows, layer.columns})}});
}

Napi::Value toJavaScript(Napi::Env env, const NeuronOutputs& found) {
  return objectOf(env, {{"layers", arrayOf(env, found.layers)},
                        {"highest", toJavaScript(env, found.highest)},
                        {"places", toJavaScript(env, found.places)},
                        {"means", toJavaScript(env, found.means)}});
}

Napi::Value toJavaScript(Napi::Env env, const std::shared_ptr<Network>& network);

namespace {

Unit toUnit(const Napi::Value& value) {
  return toChoice<Unit>(value, "unit", {{"neuron", Unit::neuron}, {"weight", Unit::weight}});
}

WeightEdit toEdit(const Napi::Value& value, const std::string& name) {
  const auto item = toObject(value, name);
  WeightEdit edit;
  edit.layer = toString(item.Get("layer"), "layer");
  edit.unit = toUnit(item.Get("unit"));
  edit.kind = toChoice<EditKind>(item.Get("kind"), "kind",
                                 {{"zero", EditKind::zero},
                                  {"replace", EditKind::replace},
                                  {"add", EditKind::add},
                                  {"output", EditKind::output}});
  edit.neurons = fromTypedArray(item.Get("neurons"), at::kInt, "neurons");
  if (edit.kind != EditKind::zero) {
    edit.values = fromTypedArray(item.Get("values"), at::kFloat, "values");
  }
  return edit;
}

std::vector<WeightEdit> toEdits(const Napi::Value& value) {
  return isGiven(value) ? toVector(value, "edits", toEdit) : std::vector<WeightEdit>{};
}

struct PassOptions {
  Statistics statistics = Statistics::frozen;
  bool grad = false;
  std::vector<WeightEdit> edits;
};

PassOptions toPassOptions(const Napi::Value& value) {
  PassOptions options;
  if (!isGiven(value)) return options;
  const auto given = toObject(value, "options");
  const Napi::Value statistics = given.Get("statistics");
  const Napi::Value grad = given.Get("grad");
  if (isGiven(statistics)) {
    options.statistics = toChoice<Statistics>(
        statistics, "statistics",
        {{"shared", Statistics::shared}, {"separate", Statistics::separate}, {"frozen", Statistics::frozen}});
  }
  if (isGiven(grad)) options.grad = toBoolean(grad, "grad");
  options.edits = toEdits(given.Get("edits"));
  return options;
}

// The CPU's fused kernels make 0 of NaN, so that a pass without gradients would give logits of images that
// have none. Beyond the bound, sums and squares inside a network overflow.
void requireSound(const at::Tensor& images) {
  constexpr double kMost = 1e15;
  if (!images.is_cpu() || images.numel() == 0) return;
  const bool isChannelsLast = images.dim() == 4 && images.is_contiguous(at::MemoryFormat::ChannelsLast);
  const auto [least, most] = at::aminmax(isChannelsLast ? images.permute({0, 2, 3, 1}) : images);
  const double low = least.item<double>(), high = most.item<double>();
  TORCH_CHECK(low >= -kMost && high <= kMost, "the batch has values of ", low, " to ", high,
              ": they are to be finite, and of at most ", kMost);
}

// A pass of the network with these options; `context` names what it keeps besides the logits.
at::Tensor run(const Network& network, size_t stage, const at::Tensor& activation, const PassOptions& options,
               ForwardContext context = {}) {
  if (stage == 0 && !options.grad) requireSound(activation);
  at::AutoGradMode gradMode(options.grad);
  auto replacements = applyEdits(network, options.edits);
  context.statistics = options.statistics;
  context.replacements = &replacements;
  return network.forward(stage, activation, context);
}

// A stage's input: the images, or another one's output, which is bfloat16 in a network of that precision.
at::Tensor toActivation(const Napi::Value& value, const std::string& name) {
  auto tensor = toTensor(value, name);
  if (tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16) return tensor;
  throw Napi::TypeError::New(value.Env(), c10::str("Expected a float32 Tensor for ", name,
                                                   " but received one of ", tensor.scalar_type()));
}

size_t checkStage(Napi::Env env, int64_t stage, const Network& network) {
  if (stage < 0 || static_cast<size_t>(stage) >= network.stages.size()) {
    throw Napi::RangeError::New(env, "The network has no stage " + std::to_string(stage));
  }
  return static_cast<size_t>(stage);
}

NamedTensors stateOf(const Network& network) {
  NamedTensors state;
  for (const auto& [name, value] : network.parameters) state.emplace_back(name, value);
  for (const auto& [name, value] : network.buffers) state.emplace_back(name, value);
  return state;
}

void requireAlike(const std::deque<Parameter>& own, const std::deque<Parameter>& others) {
  bool alike = own.size() == others.size();
  for (size_t i = 0; alike && i < own.size(); ++i) {
    alike = own[i].name == others[i].name && own[i].value.sizes() == others[i].value.sizes();
  }
  TORCH_CHECK(alike, "the models differ in their parameters");
}

void move(std::deque<Parameter>& from, const std::deque<Parameter>& to, double share) {
  for (size_t i = 0; i < from.size(); ++i) {
    auto& value = from[i].value;
    if (at::isFloatingType(value.scalar_type())) {
      value.lerp_(to[i].value, share);
    } else {
      value.copy_(to[i].value);
    }
  }
}

struct StageInputs {
  at::Tensor logits;
  std::vector<at::Tensor> inputs;
};

Napi::Value toJavaScript(Napi::Env env, const StageInputs& result) {
  return objectOf(
      env, {{"logits", spurmem::toJavaScript(env, result.logits)}, {"inputs", arrayOf(env, result.inputs)}});
}

class NetworkHandle : public Handle<NetworkHandle, std::shared_ptr<Network>> {
 public:
  static constexpr auto kName = "Network";
  static constexpr napi_type_tag kTag = {0x7370757265746e73, 0x6e65747730303031};

  static void exportTo(Napi::Object exports) {
    exportClass(exports, {
                             method<&NetworkHandle::describe>("describe()"),
                             method<&NetworkHandle::forward>("forward(batch, options)"),
                             method<&NetworkHandle::forwardFeatures>("forwardFeatures(batch, options)"),
                             method<&NetworkHandle::forwardStages>("forwardStages(batch, stages)"),
                             method<&NetworkHandle::forwardFrom>("forwardFrom(stage, activation, edits)"),
                             method<&NetworkHandle::stageCosts>("stageCosts(batch)"),
                             method<&NetworkHandle::gradCam>("gradCam(batch, layer, output)"),
                             method<&NetworkHandle::neuronScores>("neuronScores(score, unit)"),
                             method<&NetworkHandle::outputSums>("outputSums(batch)"),
                             method<&NetworkHandle::neuronOutputs>("neuronOutputs(batch, neurons)"),
                             method<&NetworkHandle::gradients>("gradients()"),
                             method<&NetworkHandle::loadGradients>("loadGradients(gradients)"),
                             method<&NetworkHandle::trainOnly>("trainOnly(neurons)"),
                             method<&NetworkHandle::zeroGrad>("zeroGrad()"),
                             method<&NetworkHandle::distribute>("distribute(group, synchronizesNorms)"),
                             method<&NetworkHandle::prepareReduction>("prepareReduction()"),
                             method<&NetworkHandle::sumGradients>("sumGradients(group)"),
                             method<&NetworkHandle::copyBuffersFromFirst>("copyBuffersFromFirst(group)"),
                             method<&NetworkHandle::moveToward>("moveToward(other, share)"),
                             method<&NetworkHandle::state>("state()"),
                             method<&NetworkHandle::loadState>("loadState(tensors)"),
                         });
  }

  explicit NetworkHandle(const Napi::CallbackInfo& info) : Handle(info, made(info)) {}

 private:
  Napi::Value describe(const Napi::CallbackInfo& info) {
    return spurmem::describe(info.Env(), *held(info.Env()));
  }

  Napi::Value forward(const Napi::CallbackInfo& info) {
    return compute(info, [network = held(info.Env()), batch = toActivation(info[0], "batch"),
                          options = toPassOptions(info[1])] { return run(*network, 0, batch, options); });
  }

  Napi::Value forwardFeatures(const Napi::CallbackInfo& info) {
    return compute(info, [network = held(info.Env()), batch = toActivation(info[0], "batch"),
                          options = toPassOptions(info[1])] {
      at::Tensor features;
      ForwardContext context;
      context.features = &features;
      const auto logits = run(*network, 0, batch, options, context);
      TORCH_CHECK(features.defined(), "the network has no classifier, which would have features");
      return NamedTensors{{"features", features.to(at::kFloat)}, {"logits", logits}};
    });
  }

  Napi::Value forwardStages(const Napi::CallbackInfo& info) {
    const auto network = held(info.Env());
    std::vector<size_t> stages;
    for (const auto stage : toIntegers(info[1], "stages")) {
      stages.push_back(checkStage(info.Env(), stage, *network));
    }
    return compute(info, [network, stages, batch = toActivation(info[0], "batch")] {
      std::unordered_map<size_t, at::Tensor> inputs;
      for (const auto stage : stages) inputs[stage];
      ForwardContext context;
      context.inputs = &inputs;
      StageInputs result{run(*network, 0, batch, {}, context), {}};
      for (const auto stage : stages) result.inputs.push_back(inputs[stage]);
      return result;
    });
  }

  Napi::Value forwardFrom(const Napi::CallbackInfo& info) {
    const auto network = held(info.Env());
    const auto stage = checkStage(info.Env(), toInteger(info[0], "stage"), *network);
    return compute(
        info, [network, stage, activation = toActivation(info[1], "activation"), edits = toEdits(info[2])] {
          return run(*network, stage, activation, {Statistics::frozen, false, edits});
        });
  }

  Napi::Value stageCosts(const Napi::CallbackInfo& info) {
    return compute(info, [network = held(info.Env()), batch = toActivation(info[0], "batch")] {
      std::vector<double> costs;
      ForwardContext context;
      context.multiplyAdds = &costs;
      run(*network, 0, batch, {}, context);
      return Values{at::tensor(costs, at::kDouble)};
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

  Napi::Value zeroGrad(const Napi::CallbackInfo& info) {
    return compute(info, [network = held(info.Env())] {
      for (auto& parameter : network->parameters) parameter.value.mutable_grad().reset();
    });
  }

  Napi::Value distribute(const Napi::CallbackInfo& info) {
    return compute(info, [network = held(info.Env()), group = toProcessGroup(info[0], "group"),
                          synchronizesNorms = toBoolean(info[1], "synchronizesNorms")] {
      network->distribution = spurmem::distribute(*network, group, synchronizesNorms);
    });
  }

  Napi::Value prepareReduction(const Napi::CallbackInfo& info) {
    return compute(info, [network = held(info.Env())] {
      if (network->distribution) network->distribution->prepare();
    });
  }

  Napi::Value sumGradients(const Napi::CallbackInfo& info) {
    return compute(info, [network = held(info.Env()), group = toProcessGroup(info[0], "group")] {
      at::NoGradGuard noGrad;
      for (auto& parameter : network->parameters) {
        auto& gradient = parameter.value.mutable_grad();
        // A process without an example has none.
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
      at::NoGradGuard noGrad;
      requireAlike(network->parameters, other->parameters);
      requireAlike(network->buffers, other->buffers);
      move(network->parameters, other->parameters, share);
      move(network->buffers, other->buffers, share);
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

// Where and how a network computes.
struct Placement {
  at::Device device;
  at::MemoryFormat format;
  bool isBf16;
};

Placement toPlacement(const Napi::Object& given) {
  const auto memoryFormat = given.Get("memoryFormat");
  const auto precision = given.Get("precision");
  return {toDevice(given.Get("device")),
          isGiven(memoryFormat) ? toMemoryFormat(memoryFormat) : at::MemoryFormat::Contiguous,
          isGiven(precision) && toChoice<bool>(precision, "precision", {{"fp32", false}, {"bf16", true}})};
}

// createNetwork({plan, generator, device, memoryFormat, precision})
Napi::Value createNetwork(const Napi::CallbackInfo& info) {
  const auto given = toObject(info[0], "options");
  return compute(info, [place = toPlacement(given), plan = toProgramPlan(given.Get("plan"), "plan"),
                        generator = toGenerator(given.Get("generator"), "generator")] {
    at::NoGradGuard noGrad;
    std::shared_ptr<Network> network = makeProgram(plan, place.device, generator);
    moveTo(*network, place.device, place.format);
    network->isBf16 = place.isBf16;
    return network;
  });
}

}  // namespace

void exportNetworks(Napi::Object exports) {
  NetworkHandle::exportTo(exports);
  exportFunction<createNetwork>(exports, "createNetwork(options)");
  exportFunction<programOperators>(exports, "programOperators()");
}

std::shared_ptr<Network> toNetwork(const Napi::Value& value, const std::string& name) {
  return NetworkHandle::unwrap(value, name);
}

Napi::Value toJavaScript(Napi::Env env, const std::shared_ptr<Network>& network) {
  return NetworkHandle::wrap(env, network);
}

}  // namespace spurmem
