// Plans of networks, as src/native/plan.ts describes them.
#include "nn/plan.h"

#include <vector>

#include "arguments.h"
#include "tensor.h"

namespace spurmem {

namespace {

PlannedArgument toArgument(const Napi::Value& value, const std::string& name) {
  const Fields given(value, name);
  return {name, given.text("kind"), given.text("text", ""),
          given.has("numbers") ? toVector(given["numbers"], "numbers", toNumber) : std::vector<double>{},
          given.has("values") ? toIntegers(given["values"], "values") : std::vector<int64_t>{}};
}

// An object's entries.
std::vector<PlannedArgument> toArguments(const Napi::Value& value, const std::string& name) {
  if (!isGiven(value)) return {};
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
  const Fields given(value, name);
  return {given.text("target"),
          given.text("layer", ""),
          toArguments(given["arguments"], "arguments"),
          toArguments(given["evaluation"], "evaluation"),
          toVector(given["results"], "results", toResult),
          given.flag("inEvaluation", true),
          given.flag("isCount", false),
          given.integer("alias", -1),
          given.integer("typeOf", -1)};
}

PlannedInput toInput(const Napi::Value& value, const std::string& name) {
  using Kind = PlannedInput::Kind;
  const Fields given(value, name);
  return {toChoice<Kind>(
              given["kind"], "kind",
              {{"parameter", Kind::parameter}, {"buffer", Kind::buffer}, {"constant", Kind::constant}}),
          given.text("name"), given.integer("value"), toIntegers(given["shape"], "shape"),
          toInteger(given["dtype"], "dtype", 0, 15)};
}

PlannedDraw toDraw(const Napi::Value& value, const std::string& name) {
  using Kind = PlannedDraw::Kind;
  const Fields given(value, name);
  return {given.text("name"),
          toChoice<Kind>(given["kind"], "kind",
                         {{"constant", Kind::constant},
                          {"uniform", Kind::uniform},
                          {"normal", Kind::normal},
                          {"truncated normal", Kind::truncatedNormal}}),
          given.number("scale")};
}

PlannedStage toStage(const Napi::Value& value, const std::string& name) {
  const Fields given(value, name);
  return {given.integer("begin"), given.integer("end"), given.integer("input"), given.integer("output"),
          toIntegers(given["prelude"], "prelude")};
}

PlannedLayer toLayer(const Napi::Value& value, const std::string& name) {
  const Fields given(value, name);
  return {given.text("name"), given.text("weight"), given.text("bias", "")};
}

PlannedGroup toGroup(const Napi::Value& value, const std::string& name) {
  const Fields given(value, name);
  return {given.integer("convolution"), given.integer("norm"), given.integer("sum", -1),
          given.integer("relu", -1)};
}

PlannedMap toMap(const Napi::Value& value, const std::string& name) {
  const Fields given(value, name);
  return {given.text("name"), given.flag("isChannelsLast", false)};
}

}  // namespace

Plan toPlan(const Napi::Value& value, const Napi::Value& constants) {
  const Fields given(value, "plan");
  Plan plan;
  plan.values = given.integer("values");
  plan.inputs = toVector(given["inputs"], "inputs", toInput);
  for (auto& input : plan.inputs) {
    if (input.kind != PlannedInput::Kind::constant) continue;
    input.constant = toTensor(toObject(constants, "constants").Get(input.name), input.name);
  }
  plan.initial = toVector(given["initial"], "initial", toDraw);
  plan.batchSizes = toIntegers(given["batchSizes"], "batchSizes");
  plan.nodes = toVector(given["nodes"], "nodes", toNode);
  plan.stages = toVector(given["stages"], "stages", toStage);
  plan.layers = toVector(given["layers"], "layers", toLayer);
  plan.groups = toVector(given["groups"], "groups", toGroup);
  plan.mappable = toVector(given["mappable"], "mappable", toMap);
  if (given.has("head")) plan.head = Fields(given["head"], "head").integer("node");
  if (given.has("patches")) {
    const auto [rows, columns] = toNumbers<2>(given["patches"], "patches", "rows and columns");
    plan.patches = {static_cast<int64_t>(rows), static_cast<int64_t>(columns)};
  }
  return plan;
}

}  // namespace spurmem
