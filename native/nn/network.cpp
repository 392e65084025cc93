#include "network.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "../distributed/processGroup.h"
#include "../kernels/allocator.h"

namespace spurmem {

namespace {

using c10::IValue;

// A buffer that counts the training passes that drew random numbers. It is named as a batch-norm's count,
// which old files may lack.
constexpr auto kPasses = "random.num_batches_tracked";

// Max values of a parameter or buffer, 1 GiB: bounds what a damaged shape costs.
constexpr int64_t kMaxWeights = int64_t{1} << 28;

// torch.autocast(device, dtype=torch.bfloat16) in a scope, or nothing for float32. The cache of cast weights
// ends with the scope: kept longer, it would hold the previous step's weights.
class PrecisionGuard {
 public:
  PrecisionGuard(bool isBf16, at::DeviceType device) : isBf16_(isBf16), device_(device) {
    if (!isBf16_) return;
    at::autocast::set_autocast_dtype(device_, at::kBFloat16);
    at::autocast::set_autocast_enabled(device_, true);
  }

  ~PrecisionGuard() {
    if (!isBf16_) return;
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, false);
  }

 private:
  bool isBf16_;
  at::DeviceType device_;
};

// timm.layers.trunc_normal_(std=std) with its default cuts at -2 and 2, in its order of operations.
// torch.nn.init's of PyTorch 2.15 draws otherwise.
void truncatedNormal(const at::Tensor& values, double std, const at::Generator& generator) {
  const auto cdf = [](double x) { return (1.0 + std::erf(x / std::sqrt(2.0))) / 2.0; };
  const double low = cdf(-2.0 / std), high = cdf(2.0 / std);
  values.uniform_(2 * low - 1, 2 * high - 1, generator)
      .erfinv_()
      .mul_(std * std::sqrt(2.0))
      .add_(0.0)
      .clamp_(-2.0, 2.0);
}

void draw(const at::Tensor& values, const PlannedDraw& step, const at::Generator& generator) {
  switch (step.kind) {
    case PlannedDraw::Kind::constant:
      values.fill_(step.scale);
      break;
    case PlannedDraw::Kind::uniform:
      values.uniform_(-step.scale, step.scale, generator);
      break;
    case PlannedDraw::Kind::normal:
      values.normal_(0, step.scale, generator);
      break;
    case PlannedDraw::Kind::truncatedNormal:
      truncatedNormal(values, step.scale, generator);
      break;
  }
}

// Returns the number that all entries of a list equal, such as both strides.
std::optional<int64_t> bothOf(const Argument& argument) {
  if (argument.kind != Argument::Kind::constant || !argument.constant.isIntList()) return std::nullopt;
  const auto numbers = argument.constant.toIntVector();
  const bool isOne = !numbers.empty() && std::equal(numbers.begin() + 1, numbers.end(), numbers.begin());
  return isOne ? std::optional(numbers[0]) : std::nullopt;
}

std::optional<ConvShape> squareOf(const Node& node) {
  const auto& weight = node.weight->value;
  const auto& own = node.arguments;
  const auto stride = bothOf(own[3]), padding = bothOf(own[4]), dilation = bothOf(own[5]);
  const bool isSquare = weight.dim() == 4 && weight.size(2) == weight.size(3) && own[6].constant.isInt();
  if (!isSquare || !stride || !padding || dilation != 1) return std::nullopt;
  return ConvShape{weight.size(2), *stride, *padding};
}

// The value that a call makes alone.
int64_t resultOf(const Node& node) {
  TORCH_CHECK(node.results.size() == 1 && !node.results[0].isList, "a call of a group makes one value");
  return node.results[0].values.at(0);
}

// The first value that a call takes in that place; -1: a constant.
int64_t takenBy(const Node& node, size_t place) {
  const auto& values = node.arguments.at(place).values;
  return values.empty() ? -1 : values[0];
}

}  // namespace

const at::Tensor& ForwardContext::weight(const Parameter& weight) const {
  if (replacements == nullptr) return weight.value;
  const auto replacement = replacements->find(&weight);
  return replacement == replacements->end() ? weight.value : replacement->second.weight;
}

std::optional<at::Tensor> ForwardContext::bias(const Parameter& weight, const Parameter* bias) const {
  if (replacements != nullptr) {
    const auto replacement = replacements->find(&weight);
    if (replacement != replacements->end() && replacement->second.bias.defined()) {
      return replacement->second.bias;
    }
  }
  return bias == nullptr ? std::nullopt : std::optional(bias->value);
}

Network::Network(const Plan& plan, at::Device device, const at::Generator& generator)
    : patches(plan.patches),
      batchSizes_(plan.batchSizes),
      stages_(plan.stages),
      values_(plan.values),
      seed_(generator.current_seed()) {
  TORCH_CHECK(plan.values > 0 && plan.values <= 1'000'000, "a plan has no ", plan.values, " values");
  TORCH_CHECK(!plan.stages.empty() && plan.stages[0].begin == 0, "a plan needs a stage");
  Nodes nodes(plan.values, device);
  nodes.give(plan.stages[0].input, Owner::borrowed);
  for (const auto value : batchSizes_) nodes.give(value, Owner::none);
  addSources(plan, nodes, device);
  // In the plan's order: a seed gives PyTorch's initial weights.
  for (const auto& step : plan.initial) draw(parameter(step.name).value, step, generator);
  addNodes(plan, nodes);
  addLayers(plan);
  addGroups(plan);
  planFrees();
  passes_ = find(kPasses);
  for (const auto& [name, isChannelsLast] : plan.mappable) mappable[name] = isChannelsLast;
}

// The parameters, buffers and constants, in their order.
void Network::addSources(const Plan& plan, Nodes& nodes, at::Device device) {
  using Kind = PlannedInput::Kind;
  for (const auto& [kind, name, value, shape, dtype, constant] : plan.inputs) {
    int64_t size = 1;
    for (const auto side : shape) {
      TORCH_CHECK(side >= 0 && side <= kMaxWeights && size * side <= kMaxWeights, name,
                  " would have the shape ", shape, ", which is beyond any network");
      size *= side;
    }
    nodes.give(value, kind == Kind::buffer ? Owner::buffer : Owner::borrowed);
    const auto type = static_cast<at::ScalarType>(dtype);
    if (kind == Kind::constant) {
      sources_.push_back({value, nullptr, constant.to(device, type)});
      continue;
    }
    // Tied weights are one parameter of several values.
    if (find(name) == nullptr) {
      auto& all = kind == Kind::parameter ? parameters : buffers;
      all.push_back({name, at::zeros(shape, type)});
    }
    sources_.push_back({value, find(name), {}});
  }
}

void Network::addNodes(const Plan& plan, Nodes& nodes) {
  for (const auto& planned : plan.nodes) {
    auto& node = nodes_.emplace_back(nodes.make(planned));
    const auto& target = planned.target;
    if (target == "linear" || target.rfind("conv2d", 0) == 0) {
      node.weight = given(node, 1);
      node.bias = given(node, 2);
    }
    if (target == "conv2d" && node.weight != nullptr) node.square = squareOf(node);
  }
  int64_t reached = 0;
  const auto count = static_cast<int64_t>(nodes_.size());
  for (const auto& stage : stages_) {
    TORCH_CHECK(stage.begin == reached && stage.end >= reached && stage.end <= count,
                "stages follow one another");
    reached = stage.end;
    nodes.known(stage.input);
    nodes.known(stage.output);
    for (const auto index : stage.prelude) {
      TORCH_CHECK(index >= 0 && index < stage.begin, "a prelude comes before its stage");
    }
  }
  TORCH_CHECK(reached == count, "each call belongs to a stage");
}

// Layers of neurons, and the head.
void Network::addLayers(const Plan& plan) {
  for (const auto& [name, weight, bias] : plan.layers) {
    const auto& rows = parameter(weight);
    TORCH_CHECK(rows.value.dim() > 1 && rows.value.numel() > 0, name, " has weights of the shape ",
                rows.value.sizes(), ", which are no neurons");
    layers.push_back({name, &rows, bias.empty() ? nullptr : &parameter(bias)});
  }
  if (plan.head < 0) return;
  auto& head = nodes_.at(plan.head);
  TORCH_CHECK(head.weight != nullptr && head.operation->schema().name() == "aten::linear",
              "the head is no linear layer");
  head.isHead = true;
}

void Network::addGroups(const Plan& plan) {
  for (const auto& [convolution, norm, sum, relu] : plan.groups) {
    const auto& convolves = nodes_.at(convolution);
    const auto& normalizes = nodes_.at(norm);
    const bool isKnown = convolves.square && normalizes.isNorm && takenBy(normalizes, 5) < 0;
    // A computed bias is no parameter.
    if (!isKnown || (convolves.bias == nullptr && takenBy(convolves, 2) >= 0)) continue;
    std::array<const Parameter*, 4> norms{};
    for (size_t i = 0; i < norms.size(); ++i) norms[i] = given(normalizes, i + 1);
    if (std::find(norms.begin(), norms.end(), nullptr) != norms.end()) continue;
    const auto last = relu >= 0 ? relu : norm;
    int64_t residual = -1;
    if (sum >= 0) {
      for (const size_t place : {0, 1}) {
        const auto taken = takenBy(nodes_.at(sum), place);
        if (taken >= 0 && taken != resultOf(normalizes)) residual = taken;
      }
      if (residual < 0) continue;
    }
    for (const auto member : {convolution, norm, sum, relu}) {
      if (member < 0) continue;
      TORCH_CHECK(nodes_.at(member).group < 0 && member <= last, "a call belongs to one group");
      nodes_[member].group = static_cast<int64_t>(groups_.size());
    }
    const auto number = [&](size_t place) { return normalizes.arguments[place].constant.toDouble(); };
    groups_.push_back({ConvNorm({convolves.weight, convolves.bias, norms, *convolves.square,
                                 convolves.arguments[6].constant.toInt(), number(6), number(7)}),
                       last, convolves.arguments[0].values.at(0), residual, resultOf(nodes_[last]),
                       relu >= 0});
  }
}

// A value is freed by the last call that takes it; if that call may run as part of a group, by the group's
// last.
void Network::planFrees() {
  std::unordered_set<int64_t> crossing;
  for (const auto& stage : stages_) crossing.insert(stage.output);
  std::unordered_map<int64_t, int64_t> lastUse;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const auto& node = nodes_[i];
    const auto at = node.group >= 0 ? groups_[node.group].last : static_cast<int64_t>(i);
    const auto use = [&](int64_t value) {
      if (value >= 0) lastUse[value] = std::max(lastUse[value], at);
    };
    for (const auto& argument : node.arguments) {
      for (const auto value : argument.values) use(value);
    }
    use(node.alias);
    use(node.typeOf);
  }
  for (const auto& [value, index] : lastUse) {
    if (value != stages_.back().output) nodes_[index].frees.push_back(value);
  }
  for (auto& node : nodes_) {
    for (auto& result : node.results) {
      for (auto& value : result.values) {
        if (value >= 0 && lastUse.count(value) == 0 && crossing.count(value) == 0) value = -1;
      }
    }
  }
}

const Parameter* Network::find(const std::string& name) const {
  for (const auto* all : {&parameters, &buffers}) {
    for (const auto& parameter : *all) {
      if (parameter.name == name) return &parameter;
    }
  }
  return nullptr;
}

const Parameter& Network::parameter(const std::string& name) const {
  const auto* found = find(name);
  TORCH_CHECK(found != nullptr, "the model has no parameter named ", name);
  return *found;
}

const NeuronLayer& Network::layer(const std::string& name) const {
  for (const auto& layer : layers) {
    if (layer.name == name) return layer;
  }
  TORCH_CHECK(false, "the model has no layer of neurons named ", name);
}

bool Network::isUsed(const Parameter& parameter) const {
  for (const auto& node : nodes_) {
    for (const auto value : node.frees) {
      for (const auto& source : sources_) {
        if (source.value == value && source.parameter == &parameter) return true;
      }
    }
  }
  return false;
}

const Parameter* Network::given(const Node& node, size_t place) const {
  const auto value = takenBy(node, place);
  for (const auto& source : sources_) {
    if (source.value == value) return source.parameter;
  }
  return nullptr;
}

// Each training pass draws by a seed of its own, so that a resumed run draws the same.
void Network::seedPass() const {
  at::NoGradGuard noGrad;
  auto count = passes_->value;
  const bool isKnown = count.is_same(counted_) && count._version() == countedVersion_;
  const auto before = isKnown ? passesBefore_ : count.item<int64_t>();
  counted_ = count.add_(1);
  countedVersion_ = count._version();
  passesBefore_ = before + 1;
  auto number = static_cast<uint64_t>(before);
  if (distribution) number += static_cast<uint64_t>(distribution->group->group()->getRank()) << 32;
  at::manual_seed(seed_ + number);
}

Network::Pass Network::begin(const at::Tensor& activation, const ForwardContext& context) const {
  Pass pass;
  pass.values.resize(values_);
  pass.fused.resize(groups_.size());
  for (const auto& [value, parameter, constant] : sources_) {
    pass.values[value] = parameter == nullptr ? constant : context.weight(*parameter);
  }
  for (const auto value : batchSizes_) pass.values[value] = activation.size(0);
  if (passes_ != nullptr && context.isTraining()) seedPass();
  return pass;
}

at::Tensor Network::forward(size_t first, at::Tensor activation, const ForwardContext& context) const {
  const PrecisionGuard precision(isBf16, activation.device().type());
  auto pass = begin(activation, context);
  torch::jit::Stack stack;
  for (size_t i = first; i < stages_.size(); ++i) {
    const auto& [begin, end, input, output, prelude] = stages_[i];
    if (context.multiplyAdds != nullptr) context.multiplyAdds->push_back(0);
    if (context.inputs != nullptr && context.inputs->count(i) > 0) (*context.inputs)[i] = activation;
    if (i == first) {
      for (const auto index : prelude) step(nodes_[index], pass, context, stack);
    }
    pass.values[input] = std::move(activation);
    for (auto index = begin; index < end; ++index) step(nodes_[index], pass, context, stack);
    activation = std::move(pass.values[output]).toTensor();
  }
  const auto result = activation.to(at::kFloat);
  return context.hidden.defined() ? result + context.hidden : result;
}

namespace {

IValue valueOf(const Argument& argument, const std::vector<IValue>& values, bool isTraining) {
  using Kind = Argument::Kind;
  switch (argument.kind) {
    case Kind::constant:
      return !isTraining && argument.inEvaluation ? *argument.inEvaluation : argument.constant;
    case Kind::value:
      return values[argument.values[0]];
    case Kind::tensors: {
      c10::List<at::Tensor> list;
      for (const auto value : argument.values) list.push_back(values[value].toTensor());
      return list;
    }
    case Kind::optionalTensors: {
      c10::List<std::optional<at::Tensor>> list;
      for (const auto value : argument.values) {
        list.push_back(value < 0 ? std::nullopt : std::optional(values[value].toTensor()));
      }
      return list;
    }
    case Kind::integers: {
      c10::List<int64_t> list;
      for (size_t i = 0; i < argument.values.size(); ++i) {
        const auto value = argument.values[i];
        list.push_back(value < 0 ? argument.numbers[i] : values[value].toInt());
      }
      return list;
    }
  }
  return {};
}

// Multiply-adds of convolutions, linear layers and matrix products; 0 for other calls.
int64_t multiplyAdds(const Node& node, const torch::jit::Stack& taken, const at::Tensor& result) {
  const auto& name = node.operation->schema().name();
  if (name == "aten::conv2d" || name == "aten::linear") {
    const auto weight = taken[1].toTensor();
    return result.numel() * (weight.numel() / std::max<int64_t>(weight.size(0), 1));
  }
  if (name == "aten::matmul" || name == "aten::bmm" || name == "aten::mm") {
    return result.numel() * taken[0].toTensor().size(-1);
  }
  if (name == "aten::scaled_dot_product_attention") return 2 * result.numel() * taken[1].toTensor().size(-2);
  return 0;
}

// torch.nn.functional.batch_norm's check of a batch in training: one value has no variance.
void requireSeveral(const at::Tensor& x) {
  TORCH_CHECK(x.dim() > 1 && x.numel() > x.size(1),
              "Expected more than 1 value per channel when training, got input size ", x.sizes(),
              ": the batch is too small for ", x.sizes().slice(2),
              " px at this layer. Use another batch size, so that no batch has one image.");
}

// libtorch's fused kernel takes the number of keys from the values, and would read and write beyond the keys.
void requireLengths(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  TORCH_CHECK(k.size(-2) == v.size(-2) && k.size(-1) == q.size(-1),
              "attention takes a key for each value, as long as a query, and not queries ", q.sizes(),
              ", keys ", k.sizes(), " and values ", v.sizes());
}

// How much a call may allocate at once: 1 GiB, or 1024 times its arguments, but at most 8 GiB. Sizes in a
// program can claim anything.
size_t maxBytesOf(const torch::jit::Stack& stack) {
  constexpr size_t kLeast = size_t{1} << 30, kMost = size_t{kMaxValues} * sizeof(float), kGrowth = 1024;
  size_t taken = 0;
  const auto add = [&taken](const at::Tensor& tensor) {
    if (tensor.defined()) taken += tensor.storage().nbytes();
  };
  for (const auto& argument : stack) {
    if (argument.isTensor()) add(argument.toTensor());
    if (!argument.isTensorList()) continue;
    for (const at::Tensor& tensor : argument.toTensorList()) add(tensor);
  }
  return std::clamp(std::min(taken, kMost) * kGrowth, kLeast, kMost);
}

// softmax(q k^T / sqrt(d)) v of bfloat16 matrices [batch, heads, tokens, d] on the CPU: libtorch's fused
// kernel multiplies them by a plain loop where it was built without MKL, and oneDNN has a product for them
// (ViT-S, 16 images: 1.35 s against 0.23 s for a forward pass).
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const auto scores = at::matmul(q * (1 / std::sqrt(static_cast<double>(q.size(-1)))), k.transpose(-2, -1));
  return at::matmul(at::softmax(scores, -1), v);
}

}  // namespace

void Network::step(const Node& node, Pass& pass, const ForwardContext& context,
                   torch::jit::Stack& stack) const {
  auto& values = pass.values;
  if (node.group >= 0) {
    const auto& group = groups_[node.group];
    if (node.square && group.layer.isFused(values[group.images].toTensor(), context)) {
      pass.fused[node.group] = true;
    }
    if (pass.fused[node.group]) {
      if (&node == &nodes_[group.last]) runGroup(group, pass, context);
      return;
    }
  }
  const bool isTraining = context.isTraining();
  const bool isLeftOut =
      node.isCount ? context.statistics != Statistics::shared : !isTraining && !node.inEvaluation;
  stack.clear();
  if (isLeftOut) {
    if (node.alias >= 0) stack.push_back(values[node.alias]);
  } else {
    for (const auto& argument : node.arguments) stack.push_back(valueOf(argument, values, isTraining));
    if (node.typeOf >= 0) {
      stack[node.dtype] = static_cast<int64_t>(values[node.typeOf].toTensor().scalar_type());
    }
  }
  for (const auto value : node.frees) values[value] = IValue();
  if (!isLeftOut) call(node, stack, context);
  if (!isLeftOut || node.alias >= 0) keep(node, stack, pass, context);
}

void Network::call(const Node& node, torch::jit::Stack& stack, const ForwardContext& context) const {
  const auto tensor = [&stack](size_t place) {
    return stack[place].isNone() ? at::Tensor() : stack[place].toTensor();
  };
  if (node.ofSizes != nullptr) {
    stack = {node.ofSizes(stack[0].toInt(), stack.size() > 1 ? stack[1].toInt() : 0)};
    return;
  }
  if (node.weight != nullptr) {
    const auto replaced = context.bias(*node.weight, nullptr);
    if (replaced) stack[2] = *replaced;
  }
  if (node.isHead) {
    const auto features = stack[0].toTensor();
    TORCH_CHECK(features.dim() == 2, "the head takes features [N, D], not ", features.sizes());
    if (context.features != nullptr) *context.features = features;
  }
  if (node.isNorm && stack[5].toBool()) {
    requireSeveral(tensor(0));
    if (context.statistics == Statistics::separate) stack[3] = stack[4] = IValue();
    if (distribution && distribution->synchronizesNorms) {
      stack = {synchronizedNorm(tensor(0), tensor(1), tensor(2), tensor(3), tensor(4), stack[6].toDouble(),
                                stack[7].toDouble(), *distribution->group)};
      return;
    }
  }
  if (node.isAttention) requireLengths(tensor(0), tensor(1), tensor(2));
  const AllocationLimit limit(maxBytesOf(stack));
  const auto taken = context.multiplyAdds == nullptr ? torch::jit::Stack() : stack;
  if (node.square) {
    const auto bias = stack[2].isNone() ? std::nullopt : std::optional(stack[2].toTensor());
    stack = {convolve(tensor(0), tensor(1), bias, *node.square, stack[6].toInt())};
  } else if (node.isPlainAttention && tensor(0).is_cpu() && tensor(0).scalar_type() == at::kBFloat16) {
    stack = {attend(tensor(0), tensor(1), tensor(2))};
  } else {
    node.operation->callBoxed(stack);
  }
  if (node.isEmpty) stack.at(0).toTensor().zero_();
  if (!taken.empty() && stack.size() == 1 && stack[0].isTensor()) {
    context.multiplyAdds->back() += static_cast<double>(multiplyAdds(node, taken, stack[0].toTensor()));
  }
}

void Network::keep(const Node& node, torch::jit::Stack& stack, Pass& pass,
                   const ForwardContext& context) const {
  TORCH_CHECK(stack.size() >= node.results.size(), "an operator gave ", stack.size(), " results");
  const auto set = [&pass](int64_t value, IValue given) {
    if (value < 0) return;
    if (given.isTensor()) {
      TORCH_CHECK(given.toTensor().numel() <= kMaxValues, "a value has ", given.toTensor().sizes(),
                  " elements, which is beyond any memory");
    }
    pass.values[value] = given.isSymInt() ? IValue(given.toSymInt().expect_int()) : std::move(given);
  };
  if (!node.layer.empty() && context.observer != nullptr &&
      (*context.observer)(node.layer, stack[0].toTensor())) {
    stack[0] = stack[0].toTensor().clone();
  }
  for (size_t i = 0; i < node.results.size(); ++i) {
    const auto& [isList, values] = node.results[i];
    if (!isList) {
      set(values[0], std::move(stack[i]));
      continue;
    }
    const auto list = stack[i].toTensorVector();
    TORCH_CHECK(list.size() == values.size(), "an operator gave a list of ", list.size(), " tensors, not of ",
                values.size());
    for (size_t j = 0; j < values.size(); ++j) set(values[j], list[j]);
  }
}

void Network::runGroup(const Group& group, Pass& pass, const ForwardContext& context) const {
  auto& values = pass.values;
  const auto images = values[group.images].toTensor();
  auto residual = group.residual < 0 ? at::Tensor() : values[group.residual].toTensor();
  for (const auto value : nodes_[group.last].frees) values[value] = IValue();
  values[group.result] = group.layer(images, std::move(residual), group.relu, context);
}

}  // namespace spurmem
