#include "program.h"

#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include "../distributed/processGroup.h"
#include "../kernels/convNorm.h"
#include "../kernels/weightGradient.h"
#include "programNodes.h"

namespace spurmem {

namespace {

using c10::IValue;

// The count of training passes that drew random numbers: its name is that of a count that old files may lack.
constexpr auto kPasses = "random.num_batches_tracked";

// Of one parameter or buffer, 1 GiB: a damaged shape costs no more than that.
constexpr int64_t kMostWeights = int64_t{1} << 28;

struct Group {
  ConvNorm layer;
  int64_t last, images, residual, result;
  bool relu;
};

// What the stages of one pass hand on besides the activation.
struct Pass {
  std::vector<IValue> values;
  std::unordered_set<int64_t> fused;
};

// Both numbers of a pair that are equal, or its one.
std::optional<int64_t> bothOf(const ProgramArgument& argument) {
  if (argument.kind != ProgramArgument::Kind::constant || !argument.constant.isIntList()) return std::nullopt;
  const auto numbers = argument.constant.toIntVector();
  const bool isOne = !numbers.empty() && std::equal(numbers.begin() + 1, numbers.end(), numbers.begin());
  return isOne ? std::optional(numbers[0]) : std::nullopt;
}

class Program {
 public:
  Program(const ProgramPlan& plan, Network& network, at::Device device, at::Generator generator);

  at::Tensor run(size_t stage, at::Tensor activation, const ForwardContext& context) const;

 private:
  struct Source {
    int64_t value;
    const Parameter* parameter;  // null: a constant
    at::Tensor constant;
  };

  void addSources(const ProgramPlan& plan, ProgramNodes& nodes, at::Device device);
  void addLayers(const ProgramPlan& plan);
  void addGroups(const ProgramPlan& plan);
  void planFrees();
  // How many training passes were before this one.
  uint64_t countPass() const;
  Pass& passOf(const ForwardContext& context, size_t stage, const at::Tensor& activation) const;
  void step(const ProgramNode& node, Pass& pass, const ForwardContext& context,
            torch::jit::Stack& stack) const;
  void call(const ProgramNode& node, torch::jit::Stack& stack, const ForwardContext& context) const;
  void keep(const ProgramNode& node, torch::jit::Stack& stack, Pass& pass,
            const ForwardContext& context) const;
  void runGroup(const Group& group, Pass& pass, const ForwardContext& context) const;
  IValue valueOf(const ProgramArgument& argument, const std::vector<IValue>& values, bool trains) const;

  Network& network_;
  std::vector<Source> sources_;
  std::vector<int64_t> batchSizes_;
  std::vector<ProgramNode> nodes_;
  std::vector<Group> groups_;
  std::vector<PlannedStage> stages_;
  int64_t values_;
  // How many training passes drew random numbers; null where none is drawn.
  const Parameter* passes_ = nullptr;
  uint64_t seed_ = 0;
  // The count as of its last change: reading it from a GPU in each step would wait for it.
  mutable at::Tensor counted_;
  mutable int64_t countedVersion_ = 0, passesBefore_ = 0;
};

// The parameters, buffers and constants, in their order.
void Program::addSources(const ProgramPlan& plan, ProgramNodes& nodes, at::Device device) {
  for (const auto& input : plan.inputs) {
    const auto& [kind, name, value, shape, dtype, constant] = input;
    int64_t size = 1;
    for (const auto side : shape) {
      TORCH_CHECK(side >= 0 && side <= kMostWeights && size * side <= kMostWeights, name,
                  " would have the shape ", shape, ", which is beyond any network");
      size *= side;
    }
    nodes.give(value, kind == "buffer" ? Owner::buffer : Owner::given);
    if (kind == "constant") {
      sources_.push_back({value, nullptr, constant.to(device, static_cast<at::ScalarType>(dtype))});
      continue;
    }
    // Tied weights are one parameter of several values.
    if (network_.find(name) == nullptr) {
      auto& all = kind == "parameter" ? network_.parameters : network_.buffers;
      all.push_back({name, at::zeros(shape, static_cast<at::ScalarType>(dtype))});
    }
    sources_.push_back({value, &network_.parameter(name), {}});
  }
}

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

// The initial values, in the plan's order: a seed draws what PyTorch's constructors draw.
void draw(const Network& network, const std::vector<PlannedDraw>& initial, const at::Generator& generator) {
  for (const auto& [name, kind, scale] : initial) {
    const auto& values = network.parameter(name).value;
    switch (kind) {
      case PlannedDraw::Kind::constant:
        values.fill_(scale);
        break;
      case PlannedDraw::Kind::uniform:
        values.uniform_(-scale, scale, generator);
        break;
      case PlannedDraw::Kind::normal:
        values.normal_(0, scale, generator);
        break;
      case PlannedDraw::Kind::truncatedNormal:
        truncatedNormal(values, scale, generator);
        break;
    }
  }
}

// Whether a call draws random numbers.
bool draws(const PlannedNode& node) {
  if (node.target.rfind("bernoulli_", 0) == 0) return true;
  for (const auto& [name, kind, text, numbers, values] : node.arguments) {
    const bool ofDropout = node.target.find("dropout") != std::string::npos;
    const bool isShare = name == "dropout_p" || (name == "p" && ofDropout);
    if (isShare && !numbers.empty() && numbers[0] != 0) return true;
  }
  return false;
}

Program::Program(const ProgramPlan& plan, Network& network, at::Device device, at::Generator generator)
    : network_(network),
      batchSizes_(plan.batchSizes),
      stages_(plan.stages),
      values_(plan.values),
      seed_(generator.current_seed()) {
  TORCH_CHECK(plan.values > 0 && plan.values <= 1'000'000, "a plan has no ", plan.values, " values");
  TORCH_CHECK(!plan.stages.empty() && plan.stages[0].begin == 0, "a plan needs a stage");
  ProgramNodes nodes(plan.values, device);
  nodes.give(plan.stages[0].input, Owner::given);
  for (const auto value : batchSizes_) nodes.give(value, Owner::none);
  addSources(plan, nodes, device);
  draw(network, plan.initial, generator);
  for (const auto& planned : plan.nodes) nodes_.push_back(nodes.make(planned));
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
  addLayers(plan);
  addGroups(plan);
  planFrees();
  if (std::any_of(plan.nodes.begin(), plan.nodes.end(), draws)) {
    network.buffers.push_back({kPasses, at::zeros({}, at::kLong)});
    passes_ = &network.buffers.back();
  }
}

// The value that a call makes alone.
int64_t resultOf(const ProgramNode& node) {
  TORCH_CHECK(node.results.size() == 1 && !node.results[0].isList, "a call of a group makes one value");
  return node.results[0].values.at(0);
}

void findSquare(ProgramNode& node) {
  const auto& weight = node.weight->value;
  const auto& own = node.arguments;
  const auto stride = bothOf(own[3]), padding = bothOf(own[4]), dilation = bothOf(own[5]);
  if (weight.dim() != 4 || weight.size(2) != weight.size(3) || !stride || !padding || dilation != 1) return;
  if (own[6].constant.isInt()) node.square = ConvShape{weight.size(2), *stride, *padding};
}

// Layers of neurons, and the head.
void Program::addLayers(const ProgramPlan& plan) {
  std::unordered_map<int64_t, const Parameter*> byValue;
  for (const auto& source : sources_) byValue[source.value] = source.parameter;
  const auto given = [&byValue](const ProgramNode& node, size_t place) -> const Parameter* {
    const auto& values = node.arguments.at(place).values;
    const auto found = values.empty() ? byValue.end() : byValue.find(values[0]);
    return found == byValue.end() ? nullptr : found->second;
  };
  for (size_t i = 0; i < nodes_.size(); ++i) {
    auto& node = nodes_[i];
    const auto& target = plan.nodes[i].target;
    if (target == "linear" || target.rfind("conv2d", 0) == 0) {
      node.weight = given(node, 1);
      node.bias = given(node, 2);
    }
    if (target == "conv2d" && node.weight != nullptr) findSquare(node);
  }
  for (const auto& [name, weight, bias, stage, isShortcut] : plan.layers) {
    TORCH_CHECK(stage >= 0 && stage < static_cast<int64_t>(stages_.size()), "there is no stage ", stage);
    const auto* own = bias.empty() ? nullptr : &network_.parameter(bias);
    const auto& rows = network_.parameter(weight);
    TORCH_CHECK(rows.value.dim() > 1 && rows.value.numel() > 0, name, " has weights of the shape ",
                rows.value.sizes(), ", which are no neurons");
    network_.layers.push_back({name, &rows, own, static_cast<size_t>(stage), isShortcut});
  }
  if (plan.head.empty()) return;
  auto& head = nodes_.at(plan.headNode);
  const bool isHead = head.weight != nullptr && head.weight == network_.find(plan.head + ".weight");
  TORCH_CHECK(isHead && head.operation->schema().name() == "aten::linear", "the head is no linear layer");
  head.isHead = true;
}

void Program::addGroups(const ProgramPlan& plan) {
  for (const auto& [convolution, norm, sum, relu] : plan.groups) {
    auto& node = nodes_.at(convolution);
    const auto& normalizes = nodes_.at(norm);
    const bool isKnown = node.square && normalizes.isNorm && normalizes.arguments[5].values.empty();
    // A bias that is computed is no parameter.
    if (!isKnown || (node.bias == nullptr && !node.arguments[2].values.empty())) continue;
    std::array<const Parameter*, 4> norms{};
    for (size_t i = 0; i < norms.size(); ++i) {
      for (const auto& source : sources_) {
        const auto& values = normalizes.arguments[i + 1].values;
        if (!values.empty() && source.value == values[0]) norms[i] = source.parameter;
      }
    }
    if (std::find(norms.begin(), norms.end(), nullptr) != norms.end()) continue;
    const auto last = relu >= 0 ? relu : norm;
    const auto number = static_cast<int64_t>(groups_.size());
    int64_t residual = -1;
    const auto made = resultOf(normalizes);
    if (sum >= 0) {
      for (const size_t place : {0, 1}) {
        const auto& values = nodes_.at(sum).arguments.at(place).values;
        if (!values.empty() && values[0] != made) residual = values[0];
      }
      if (residual < 0) continue;
    }
    for (const auto member : {convolution, norm, sum, relu}) {
      if (member < 0) continue;
      TORCH_CHECK(nodes_.at(member).group < 0 && member <= last, "a call belongs to one group");
      nodes_[member].group = number;
    }
    const auto groups = node.arguments[6].constant.toInt();
    const auto momentum = normalizes.arguments[6].constant.toDouble();
    const auto eps = normalizes.arguments[7].constant.toDouble();
    groups_.push_back({ConvNorm(node.weight, node.bias, norms, *node.square, groups, momentum, eps), last,
                       node.arguments[0].values.at(0), residual, resultOf(nodes_[last]), relu >= 0});
  }
}

// A value goes once nothing takes it any more: where calls may run as one, with the last of them.
void Program::planFrees() {
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

uint64_t Program::countPass() const {
  at::NoGradGuard noGrad;
  auto count = passes_->value;
  const bool isKnown = count.is_same(counted_) && count._version() == countedVersion_;
  const auto before = isKnown ? passesBefore_ : count.item<int64_t>();
  counted_ = count.add_(1);
  countedVersion_ = count._version();
  passesBefore_ = before + 1;
  return static_cast<uint64_t>(before);
}

Pass& Program::passOf(const ForwardContext& context, size_t stage, const at::Tensor& activation) const {
  if (context.pass) return *static_cast<Pass*>(context.pass.get());
  const auto pass = std::make_shared<Pass>();
  pass->values.resize(values_);
  for (const auto& [value, parameter, constant] : sources_) {
    pass->values[value] = parameter == nullptr ? constant : context.weight(*parameter);
  }
  for (const auto value : batchSizes_) pass->values[value] = activation.size(0);
  if (passes_ != nullptr && context.statistics != Statistics::frozen) {
    // Each training pass draws by a seed of its own, so that a resumed run draws the same.
    auto number = countPass();
    if (network_.distribution) {
      number += static_cast<uint64_t>(network_.distribution->group->group()->getRank()) << 32;
    }
    at::manual_seed(seed_ + number);
  }
  context.pass = pass;
  torch::jit::Stack stack;
  for (const auto index : stages_[stage].prelude) step(nodes_[index], *pass, context, stack);
  return *pass;
}

at::Tensor Program::run(size_t stage, at::Tensor activation, const ForwardContext& context) const {
  auto& pass = passOf(context, stage, activation);
  const auto& [name, begin, end, input, output, prelude] = stages_[stage];
  pass.values[input] = std::move(activation);
  torch::jit::Stack stack;
  for (auto i = begin; i < end; ++i) step(nodes_[i], pass, context, stack);
  return std::move(pass.values[output]).toTensor();
}

void Program::step(const ProgramNode& node, Pass& pass, const ForwardContext& context,
                   torch::jit::Stack& stack) const {
  auto& values = pass.values;
  const bool trains = context.statistics != Statistics::frozen;
  if (node.group >= 0) {
    const auto& group = groups_[node.group];
    if (node.square && group.layer.isFused(values[group.images].toTensor(), context)) {
      pass.fused.insert(node.group);
    }
    if (pass.fused.count(node.group) > 0) {
      if (&node == &nodes_[group.last]) runGroup(group, pass, context);
      return;
    }
  }
  const bool isLeftOut =
      node.isCount ? context.statistics != Statistics::shared : !trains && !node.inEvaluation;
  stack.clear();
  if (isLeftOut) {
    if (node.alias >= 0) stack.push_back(values[node.alias]);
  } else {
    for (const auto& argument : node.arguments) stack.push_back(valueOf(argument, values, trains));
    if (node.typeOf >= 0) {
      stack[node.dtype] = static_cast<int64_t>(values[node.typeOf].toTensor().scalar_type());
    }
  }
  for (const auto value : node.frees) values[value] = IValue();
  if (!isLeftOut) call(node, stack, context);
  if (!isLeftOut || node.alias >= 0) keep(node, stack, pass, context);
}

IValue Program::valueOf(const ProgramArgument& argument, const std::vector<IValue>& values,
                        bool trains) const {
  using Kind = ProgramArgument::Kind;
  switch (argument.kind) {
    case Kind::constant:
      return !trains && argument.inEvaluation ? *argument.inEvaluation : argument.constant;
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

// torch.nn.functional.batch_norm's check of a batch in training: one value has no variance.
void requireSeveral(const at::Tensor& x) {
  TORCH_CHECK(x.dim() > 1 && x.numel() > x.size(1),
              "Expected more than 1 value per channel when training, got input size ", x.sizes(),
              ": the batch is too small for ", x.sizes().slice(2),
              " px at this layer. Use another batch size, so that no batch has one image.");
}

// softmax(q k^T / sqrt(d)) v of bfloat16 matrices [batch, heads, tokens, d] on the CPU: libtorch's fused
// kernel multiplies them by a plain loop where it was built without MKL, and oneDNN has a product for them
// (ViT-S, 16 images: 1.35 s against 0.23 s for a forward pass).
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const auto scores = at::matmul(q * (1 / std::sqrt(static_cast<double>(q.size(-1)))), k.transpose(-2, -1));
  return at::matmul(at::softmax(scores, -1), v);
}

bool needsAttend(const at::Tensor& q) { return q.is_cpu() && q.scalar_type() == at::kBFloat16; }

int64_t compute(Symbolic kind, const torch::jit::Stack& sizes) {
  const auto a = sizes[0].toInt(), b = sizes.size() > 1 ? sizes[1].toInt() : 0;
  const auto floordiv = [](int64_t x, int64_t y) {
    TORCH_CHECK(y != 0 && (y != -1 || x != std::numeric_limits<int64_t>::min()), "a size is divided by ", y);
    return x / y - (x % y != 0 && (x < 0) != (y < 0) ? 1 : 0);
  };
  // Unsigned: a size that overflows is refused by what takes it.
  const auto ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
  switch (kind) {
    case Symbolic::add:
      return static_cast<int64_t>(ua + ub);
    case Symbolic::sub:
      return static_cast<int64_t>(ua - ub);
    case Symbolic::mul:
      return static_cast<int64_t>(ua * ub);
    case Symbolic::neg:
      return static_cast<int64_t>(0 - ua);
    case Symbolic::floordiv:
      return floordiv(a, b);
    case Symbolic::mod:
      return static_cast<int64_t>(ua - static_cast<uint64_t>(floordiv(a, b)) * ub);
    case Symbolic::none:
      break;
  }
  return 0;
}

// Of convolutions, linear layers and products of matrices.
int64_t multiplyAdds(const ProgramNode& node, const torch::jit::Stack& taken, const at::Tensor& result) {
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

void Program::call(const ProgramNode& node, torch::jit::Stack& stack, const ForwardContext& context) const {
  if (node.symbolic != Symbolic::none) {
    const auto size = compute(node.symbolic, stack);
    stack = {size};
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
    const auto x = stack[0].toTensor();
    requireSeveral(x);
    if (context.statistics == Statistics::separate) stack[3] = stack[4] = IValue();
    const auto& distribution = network_.distribution;
    if (distribution && distribution->synchronizesNorms) {
      const auto given = [&stack](size_t place) {
        return stack[place].isNone() ? at::Tensor() : stack[place].toTensor();
      };
      const auto result = synchronizedNorm(x, given(1), given(2), given(3), given(4), stack[6].toDouble(),
                                           stack[7].toDouble(), *distribution->group);
      stack = {result};
      return;
    }
  }
  const auto taken = context.multiplyAdds == nullptr ? torch::jit::Stack() : stack;
  if (node.square) {
    const auto bias = stack[2].isNone() ? std::nullopt : std::optional(stack[2].toTensor());
    const auto result =
        convolve(stack[0].toTensor(), stack[1].toTensor(), bias, *node.square, stack[6].toInt());
    stack.clear();
    stack.push_back(result);
  } else if (node.isPlainAttention && needsAttend(stack[0].toTensor())) {
    const auto result = attend(stack[0].toTensor(), stack[1].toTensor(), stack[2].toTensor());
    stack.clear();
    stack.push_back(result);
  } else {
    node.operation->callBoxed(stack);
  }
  if (node.isEmpty) stack.at(0).toTensor().zero_();
  if (!taken.empty() && stack.size() == 1 && stack[0].isTensor()) {
    context.count(multiplyAdds(node, taken, stack[0].toTensor()));
  }
}

void Program::keep(const ProgramNode& node, torch::jit::Stack& stack, Pass& pass,
                   const ForwardContext& context) const {
  TORCH_CHECK(stack.size() >= node.results.size(), "an operator gave ", stack.size(), " results");
  const auto set = [&pass](int64_t value, IValue given) {
    if (value < 0) return;
    if (given.isTensor()) {
      TORCH_CHECK(given.toTensor().numel() <= kMostValues, "a value has ", given.toTensor().sizes(),
                  " elements, which is beyond any memory");
    }
    pass.values[value] = given.isSymInt() ? IValue(given.toSymInt().expect_int()) : std::move(given);
  };
  if (!node.layer.empty() && context.observer != nullptr) {
    const auto isKept = (*context.observer)(node.layer, stack[0].toTensor());
    if (isKept) stack[0] = stack[0].toTensor().clone();
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

void Program::runGroup(const Group& group, Pass& pass, const ForwardContext& context) const {
  auto& values = pass.values;
  const auto images = values[group.images].toTensor();
  auto residual = group.residual < 0 ? at::Tensor() : values[group.residual].toTensor();
  for (const auto value : nodes_[group.last].frees) values[value] = IValue();
  const auto& layer = group.layer;
  values[group.result] = group.residual >= 0 ? layer.addRelu(images, std::move(residual), context)
                         : group.relu        ? layer.relu(images, context)
                                             : layer(images, context);
}

}  // namespace

std::unique_ptr<Network> makeProgram(const ProgramPlan& plan, at::Device device, at::Generator generator) {
  auto network = std::make_unique<Network>();
  const auto program = std::make_shared<const Program>(plan, *network, device, generator);
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    const auto run = [program, i](at::Tensor x, const ForwardContext& context) {
      return program->run(i, std::move(x), context);
    };
    network->stages.push_back({plan.stages[i].name, run});
  }
  network->head = plan.head;
  network->mappedByDefault = plan.mappedByDefault;
  network->patches = plan.patches;
  for (const auto& [name, isChannelsLast] : plan.mappable) {
    network->mappable.push_back(name);
    if (isChannelsLast) network->channelsLast.insert(name);
  }
  return network;
}

}  // namespace spurmem
