#include "programPlan.h"

#include <vector>

#include "arguments.h"
#include "nn/programOperators.h"
#include "results.h"
#include "tensor.h"

namespace spurmem {

namespace {

// An option that may be left out.
template <class T>
T orElse(const Napi::Value& value, const std::string& name,
         T (*convert)(const Napi::Value&, const std::string&), T otherwise) {
  return isGiven(value) ? convert(value, name) : otherwise;
}

int64_t toWholeNumber(const Napi::Value& value, const std::string& name) { return toInteger(value, name); }

std::vector<double> toNumberList(const Napi::Value& value, const std::string& name) {
  return toVector(value, name, toNumber);
}

PlannedArgument toArgument(const Napi::Value& value, const std::string& name) {
  const auto given = toObject(value, name);
  return {name, toString(given.Get("kind"), "kind"),
          orElse<std::string>(given.Get("text"), "text", toString, ""),
          orElse<std::vector<double>>(given.Get("numbers"), "numbers", toNumberList, {}),
          orElse<std::vector<int64_t>>(given.Get("values"), "values", toIntegers, {})};
}

// An object's entries.
std::vector<PlannedArgument> toArguments(const Napi::Value& value, const std::string& name) {
  const auto given = toObject(value, name);
  const auto names = given.GetPropertyNames();
  std::vector<PlannedArgument> all;
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const auto key = toString(names.Get(i), name);
    all.push_back(toArgument(given.Get(key), key));
  }
  return all;
}

PlannedResult toResult(const Napi::Value& value, const std::string& name) {
  if (value.IsArray()) return {true, toIntegers(value, name)};
  return {false, {isGiven(value) ? toInteger(value, name) : -1}};
}

PlannedNode toNode(const Napi::Value& value, const std::string& name) {
  const auto given = toObject(value, name);
  PlannedNode node;
  node.target = toString(given.Get("target"), "target");
  node.layer = orElse<std::string>(given.Get("layer"), "layer", toString, "");
  node.arguments = toArguments(given.Get("arguments"), "arguments");
  if (isGiven(given.Get("evaluation"))) node.evaluation = toArguments(given.Get("evaluation"), "evaluation");
  node.results = toVector(given.Get("results"), "results", toResult);
  node.inEvaluation = orElse<bool>(given.Get("inEvaluation"), "inEvaluation", toBoolean, true);
  node.isCount = orElse<bool>(given.Get("isCount"), "isCount", toBoolean, false);
  node.alias = orElse<int64_t>(given.Get("alias"), "alias", toWholeNumber, -1);
  node.typeOf = orElse<int64_t>(given.Get("typeOf"), "typeOf", toWholeNumber, -1);
  return node;
}

PlannedInput toInput(const Napi::Value& value, const std::string& name) {
  const auto given = toObject(value, name);
  PlannedInput input;
  input.kind =
      toChoice<std::string>(given.Get("kind"), "kind",
                            {{"parameter", "parameter"}, {"buffer", "buffer"}, {"constant", "constant"}});
  input.name = toString(given.Get("name"), "name");
  input.value = toInteger(given.Get("value"), "value");
  input.shape = toIntegers(given.Get("shape"), "shape");
  input.dtype = toInteger(given.Get("dtype"), "dtype", 0, 15);
  if (input.kind == "constant") input.constant = toTensor(given.Get("constant"), "constant");
  return input;
}

PlannedDraw toDraw(const Napi::Value& value, const std::string& name) {
  using Kind = PlannedDraw::Kind;
  const auto given = toObject(value, name);
  return {toString(given.Get("name"), "name"),
          toChoice<Kind>(given.Get("kind"), "kind",
                         {{"constant", Kind::constant},
                          {"uniform", Kind::uniform},
                          {"normal", Kind::normal},
                          {"truncated normal", Kind::truncatedNormal}}),
          toNumber(given.Get("scale"), "scale")};
}

PlannedStage toStage(const Napi::Value& value, const std::string& name) {
  const auto given = toObject(value, name);
  const auto whole = [&given](const char* field) { return toInteger(given.Get(field), field); };
  return {toString(given.Get("name"), "name"),
          whole("begin"),
          whole("end"),
          whole("input"),
          whole("output"),
          toIntegers(given.Get("prelude"), "prelude")};
}

PlannedLayer toLayer(const Napi::Value& value, const std::string& name) {
  const auto given = toObject(value, name);
  return {toString(given.Get("name"), "name"), toString(given.Get("weight"), "weight"),
          orElse<std::string>(given.Get("bias"), "bias", toString, ""),
          toInteger(given.Get("stage"), "stage"), toBoolean(given.Get("isShortcut"), "isShortcut")};
}

PlannedGroup toGroup(const Napi::Value& value, const std::string& name) {
  const auto given = toObject(value, name);
  const auto call = [&given](const char* field) {
    return orElse<int64_t>(given.Get(field), field, toWholeNumber, -1);
  };
  return {call("convolution"), call("norm"), call("sum"), call("relu")};
}

PlannedMap toMap(const Napi::Value& value, const std::string& name) {
  const auto given = toObject(value, name);
  return {toString(given.Get("name"), "name"), toBoolean(given.Get("isChannelsLast"), "isChannelsLast")};
}

}  // namespace

ProgramPlan toProgramPlan(const Napi::Value& value, const std::string& name) {
  const auto given = toObject(value, name);
  ProgramPlan plan;
  plan.values = toInteger(given.Get("values"), "values");
  plan.inputs = toVector(given.Get("inputs"), "inputs", toInput);
  plan.initial = toVector(given.Get("initial"), "initial", toDraw);
  plan.batchSizes = toIntegers(given.Get("batchSizes"), "batchSizes");
  plan.nodes = toVector(given.Get("nodes"), "nodes", toNode);
  plan.stages = toVector(given.Get("stages"), "stages", toStage);
  plan.layers = toVector(given.Get("layers"), "layers", toLayer);
  plan.groups = toVector(given.Get("groups"), "groups", toGroup);
  plan.mappable = toVector(given.Get("mappable"), "mappable", toMap);
  plan.mappedByDefault = toString(given.Get("mappedByDefault"), "mappedByDefault");
  if (isGiven(given.Get("head"))) {
    const auto head = toObject(given.Get("head"), "head");
    plan.head = toString(head.Get("name"), "name");
    plan.headNode = toInteger(head.Get("node"), "node");
  }
  const auto patches = given.Get("patches");
  if (isGiven(patches)) {
    const auto sides = toIntegers(patches, "patches");
    if (sides.size() != 2) throw expected(patches.Env(), "rows and columns", "patches", patches);
    plan.patches = {sides[0], sides[1]};
  }
  return plan;
}

Napi::Value programOperators(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  auto list = Napi::Array::New(env);
  for (const auto& [name, aliases, writes] : programOperators()) {
    list[list.Length()] = objectOf(env, {{"name", Napi::String::New(env, name)},
                                         {"aliases", Napi::Boolean::New(env, aliases)},
                                         {"writes", Napi::Boolean::New(env, writes)}});
  }
  return list;
}

}  // namespace spurmem
