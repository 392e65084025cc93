#include "nodes.h"

#include <ATen/ScalarOps.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace spurmem {

namespace {

using c10::IValue;

int64_t toWhole(double number) {
  // Python's sys.maxsize, which is no double.
  constexpr double kLimit = 9.2e18;
  if (number >= kLimit) return std::numeric_limits<int64_t>::max();
  if (number <= -kLimit) return std::numeric_limits<int64_t>::min();
  constexpr double kExact = 9007199254740992.0;
  TORCH_CHECK(number == std::floor(number) && std::abs(number) <= kExact, number, " is no integer");
  return static_cast<int64_t>(number);
}

// Sizes, strides and the like: a pool loops over a side of 2^53, even if the other one is 0.
std::vector<int64_t> toWholes(const std::vector<double>& numbers) {
  constexpr double kMax = 268435456;
  std::vector<int64_t> result;
  for (const auto number : numbers) {
    TORCH_CHECK(std::abs(number) <= kMax, number, " is beyond the sizes of any network");
    result.push_back(toWhole(number));
  }
  return result;
}

c10::TypePtr plainType(const c10::Argument& wanted) {
  const auto type = wanted.real_type();
  const auto optional = type->cast<c10::OptionalType>();
  return optional ? optional->getElementType() : type;
}

template <class T>
c10::List<T> listOf(const std::vector<double>& numbers) {
  c10::List<T> list;
  for (const auto number : numbers) list.push_back(static_cast<T>(number));
  return list;
}

// A number becomes a tensor without dimensions if the schema takes a tensor.
IValue scalar(const at::Scalar& number, c10::TypeKind wanted) {
  if (wanted == c10::TypeKind::TensorType) return at::native::wrapped_scalar_tensor(number);
  if (wanted == c10::TypeKind::FloatType) return number.toDouble();
  return number;
}

int64_t floordiv(int64_t a, int64_t b) {
  TORCH_CHECK(b != 0 && (b != -1 || a != std::numeric_limits<int64_t>::min()), "a size is divided by ", b);
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

// Functions of Python's module operator. Unsigned: the consumer rejects a size that overflows.
struct OfSizes {
  const char* name;
  size_t sizes;
  int64_t (*compute)(int64_t, int64_t);
};
using Unsigned = uint64_t;
constexpr OfSizes kOfSizes[] = {
    {"symbolic.add", 2, [](int64_t a, int64_t b) { return int64_t(Unsigned(a) + Unsigned(b)); }},
    {"symbolic.sub", 2, [](int64_t a, int64_t b) { return int64_t(Unsigned(a) - Unsigned(b)); }},
    {"symbolic.mul", 2, [](int64_t a, int64_t b) { return int64_t(Unsigned(a) * Unsigned(b)); }},
    {"symbolic.neg", 1, [](int64_t a, int64_t) { return int64_t(0 - Unsigned(a)); }},
    {"symbolic.floordiv", 2, floordiv},
    {"symbolic.mod", 2,
     [](int64_t a, int64_t b) { return int64_t(Unsigned(a) - Unsigned(floordiv(a, b)) * Unsigned(b)); }}};

// The position of its argument of that name. Throws if it has none.
int64_t placeOf(const Node& node, const char* name) {
  TORCH_CHECK(node.operation, "sizes have no ", name);
  const auto& wanted = node.operation->schema().arguments();
  const auto named = [name](const c10::Argument& one) { return one.name() == name; };
  const auto found = std::find_if(wanted.begin(), wanted.end(), named);
  TORCH_CHECK(found != wanted.end(), node.operation->schema().name(), " has no ", name);
  return found - wanted.begin();
}

}  // namespace

void Nodes::give(int64_t value, Owner owner) {
  TORCH_CHECK(value >= 0 && value < static_cast<int64_t>(made_.size()), "there is no value ", value);
  TORCH_CHECK(!made_[value], "value ", value, " is made twice");
  made_[value] = true;
  owners_[value] = owner;
}

int64_t Nodes::known(int64_t value) const {
  TORCH_CHECK(value >= 0 && value < static_cast<int64_t>(made_.size()) && made_[value], "a call takes value ",
              value, ", which is not made before");
  return value;
}

Argument Nodes::argument(const PlannedArgument& given, const c10::Argument& wanted) const {
  const auto type = plainType(wanted);
  const auto kind = type->kind();
  const auto list = type->cast<c10::ListType>();
  const auto &name = given.name, &word = given.kind;
  const auto& numbers = given.numbers;
  const auto& values = given.values;
  const auto number = [&] {
    TORCH_CHECK(numbers.size() == 1, name, " takes one number");
    return numbers.front();
  };
  // Enumerations as numbers: others would be no members.
  using Kind = c10::TypeKind;
  const std::vector<std::pair<Kind, const char*>> codes{{Kind::ScalarTypeType, "dtype"},
                                                        {Kind::MemoryFormatType, "memoryFormat"},
                                                        {Kind::LayoutType, "layout"}};
  for (const auto& [enumeration, own] : codes) {
    TORCH_CHECK((kind == enumeration) == (word == own) || (word == "none" && kind == enumeration), name,
                " takes something else than ", word);
  }
  Argument result;
  if (word == "value") {
    result.kind = Argument::Kind::value;
    result.values = {known(values.at(0))};
  } else if (word == "values") {
    const bool optional = list && list->getElementType()->kind() == Kind::OptionalType;
    result.kind = optional ? Argument::Kind::optionalTensors : Argument::Kind::tensors;
    for (const auto value : values) result.values.push_back(optional && value < 0 ? -1 : known(value));
  } else if (word == "int") {
    result.constant = scalar(toWhole(number()), kind);
  } else if (word == "float") {
    result.constant = scalar(number(), kind);
  } else if (word == "bool") {
    result.constant = kind == Kind::BoolType ? IValue(number() != 0) : scalar(number() != 0, kind);
  } else if (word == "ints" && values.empty()) {
    const auto element = list ? list->getElementType()->kind() : kind;
    if (element == Kind::FloatType)
      result.constant = listOf<double>(numbers);
    else if (element == Kind::TensorType)
      result.constant = c10::List<at::Tensor>();
    else
      result.constant = c10::List<int64_t>(toWholes(numbers));
  } else if (word == "ints") {
    result.kind = Argument::Kind::integers;
    result.numbers = toWholes(numbers);
    TORCH_CHECK(values.size() == numbers.size(), name, " takes a number or a value at each place");
    for (const auto value : values) result.values.push_back(value < 0 ? -1 : known(value));
  } else if (word == "floats") {
    result.constant = listOf<double>(numbers);
  } else if (word == "bools") {
    result.constant = listOf<bool>(numbers);
  } else if (word == "text") {
    result.constant = given.text;
  } else if (word == "dtype" || word == "memoryFormat") {
    const auto code = toWhole(number());
    const bool isKnown = code >= 0 && (word == "dtype" ? code <= 7 || code == 11 || code == 15 : code <= 3);
    TORCH_CHECK(isKnown, "there is no ", word, " ", code);
    result.constant = code;
  } else if (word == "layout") {
    result.constant = static_cast<int64_t>(at::kStrided);
  } else if (word == "device") {
    TORCH_CHECK(kind == Kind::DeviceObjType, name, " takes no device");
    result.constant = device_;
  } else {
    TORCH_CHECK(word == "none", name, " is of the unknown kind ", word);
  }
  return result;
}

Argument Nodes::argumentOf(const PlannedNode& planned, const c10::Argument& wanted, bool mayWrite) const {
  const auto& target = planned.target;
  const auto find = [&wanted](const std::vector<PlannedArgument>& all) {
    const auto named = [&wanted](const PlannedArgument& one) { return one.name == wanted.name(); };
    const auto found = std::find_if(all.begin(), all.end(), named);
    return found == all.end() ? nullptr : &*found;
  };
  const auto* given = find(planned.arguments);
  Argument result;
  if (given != nullptr) {
    result = argument(*given, wanted);
  } else {
    TORCH_CHECK(wanted.default_value(), target, " lacks ", wanted.name());
    result.constant = *wanted.default_value();
  }
  if (const auto* other = find(planned.evaluation)) result.inEvaluation = argument(*other, wanted).constant;
  const bool isValue = !result.values.empty() && result.values[0] >= 0;
  const auto owner = isValue ? owners_[result.values[0]] : Owner::none;
  if (wanted.alias_info() != nullptr && wanted.alias_info()->isWrite()) {
    const bool isFree = owner == Owner::none || (owner == Owner::buffer && planned.isCount);
    TORCH_CHECK(mayWrite && isFree, target, " may not write there");
  }
  if (wanted.name().rfind("running_", 0) == 0 && isValue) {
    TORCH_CHECK(owner == Owner::buffer, target, " keeps its statistics in no buffer");
  }
  return result;
}

void Nodes::addArguments(Node& node, const PlannedNode& planned) const {
  const auto& target = planned.target;
  const auto& operators = planOperators();
  const auto listed = std::find_if(operators.begin(), operators.end(),
                                   [&target](const PlanOperator& one) { return one.name == target; });
  TORCH_CHECK(listed != operators.end(), "a plan may not call ", target);
  const auto dot = target.find('.');
  const auto overload = dot == std::string::npos ? "" : target.substr(dot + 1);
  const auto found = c10::Dispatcher::singleton().findSchema({"aten::" + target.substr(0, dot), overload});
  TORCH_CHECK(found, "this libtorch has no operator ", target);
  node.operation = *found;
  const auto& schema = found->schema();
  for (const auto& wanted : schema.arguments()) {
    node.arguments.push_back(argumentOf(planned, wanted, listed->writes));
    if (!listed->aliases) continue;
    for (const auto value : node.arguments.back().values) {
      if (value >= 0) node.owner = std::max(node.owner, owners_[value]);
    }
  }
  for (const auto& given : planned.arguments) {
    const auto& all = schema.arguments();
    const auto named = [&given](const c10::Argument& one) { return one.name() == given.name; };
    TORCH_CHECK(std::any_of(all.begin(), all.end(), named), target, " does not take ", given.name);
  }
  TORCH_CHECK(planned.results.size() <= schema.returns().size(), target, " gives fewer results");
}

Node Nodes::make(const PlannedNode& planned) {
  Node node;
  const auto& target = planned.target;
  const auto found = std::find_if(std::begin(kOfSizes), std::end(kOfSizes),
                                  [&target](const OfSizes& one) { return target == one.name; });
  if (found != std::end(kOfSizes)) {
    node.ofSizes = found->compute;
    const c10::Argument whole("size", c10::IntType::get());
    for (const auto& given : planned.arguments) node.arguments.push_back(argument(given, whole));
    TORCH_CHECK(node.arguments.size() == found->sizes && planned.results.size() == 1, target,
                " takes other arguments");
  } else {
    addArguments(node, planned);
  }
  if (planned.alias >= 0) {
    node.alias = known(planned.alias);
    node.owner = std::max(node.owner, owners_[node.alias]);
    const bool isOne = planned.results.size() == 1 && !planned.results[0].isList;
    TORCH_CHECK(isOne && planned.results[0].values.at(0) >= 0, target, " stands for no one value");
  }
  if (planned.typeOf >= 0) {
    node.typeOf = known(planned.typeOf);
    node.dtype = placeOf(node, "dtype");
  }
  for (const auto& [isList, values] : planned.results) {
    TORCH_CHECK(isList || values.size() == 1, target, " has a result of several values");
    for (const auto value : values) {
      if (value >= 0) give(value, node.owner);
    }
  }
  node.results = planned.results;
  node.layer = planned.layer;
  node.inEvaluation = planned.inEvaluation;
  node.isCount = planned.isCount;
  node.isNorm = target == "batch_norm";
  node.isEmpty = target == "empty.memory_format" || target == "new_empty";
  node.isAttention = target == "scaled_dot_product_attention";
  node.isPlainAttention = node.isAttention && planned.arguments.size() == 3;
  return node;
}

}  // namespace spurmem
