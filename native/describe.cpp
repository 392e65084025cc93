#include "describe.h"

#include <string>

#include "results.h"

namespace spurmem {

Napi::Value toJavaScript(Napi::Env env, const Parameter& parameter) {
  return objectOf(
      env, {{"name", toJavaScript(env, parameter.name)}, {"shape", arrayOf(env, parameter.value.sizes())}});
}

Napi::Value toJavaScript(Napi::Env env, const Stage& stage) { return toJavaScript(env, stage.name); }

Napi::Value toJavaScript(Napi::Env env, const NeuronLayer& layer) {
  const auto& weight = layer.weight->value;
  return objectOf(env, {{"name", toJavaScript(env, layer.name)},
                        {"size", toJavaScript(env, weight.size(0))},
                        {"weight", toJavaScript(env, layer.weight->name)},
                        {"weights", toJavaScript(env, weight.numel() / weight.size(0))},
                        {"stage", toJavaScript(env, layer.stage)},
                        {"isShortcut", Napi::Boolean::New(env, layer.isShortcut)}});
}

namespace {

Napi::Value headOf(Napi::Env env, const Network& network) {
  if (network.head.empty()) return env.Null();
  const auto weight = network.head + ".weight";
  return objectOf(env, {{"weight", toJavaScript(env, weight)},
                        {"bias", toJavaScript(env, network.head + ".bias")},
                        {"features", toJavaScript(env, network.parameter(weight).value.size(1))}});
}

}  // namespace

Napi::Object describe(Napi::Env env, const Network& network) {
  return objectOf(env, {{"parameters", arrayOf(env, network.parameters)},
                        {"buffers", arrayOf(env, network.buffers)},
                        {"stages", arrayOf(env, network.stages)},
                        {"layers", arrayOf(env, network.layers)},
                        {"mappable", arrayOf(env, network.mappable)},
                        {"mappedByDefault", toJavaScript(env, network.mappedByDefault)},
                        {"patches", network.patches ? arrayOf(env, *network.patches) : env.Null()},
                        {"head", headOf(env, network)}});
}

}  // namespace spurmem
