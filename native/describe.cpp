#include "describe.h"

#include <string>
#include <utility>
#include <vector>

namespace spurmem {

namespace {

using Fields = std::vector<std::pair<const char*, Napi::Value>>;

Napi::Object objectOf(Napi::Env env, const Fields& fields) {
  auto object = Napi::Object::New(env);
  for (const auto& [name, value] : fields) object.Set(name, value);
  return object;
}

Napi::Value valueOf(Napi::Env env, const std::string& text) { return Napi::String::New(env, text); }
Napi::Value valueOf(Napi::Env env, double number) { return Napi::Number::New(env, number); }
Napi::Value valueOf(Napi::Env env, int64_t number) { return valueOf(env, static_cast<double>(number)); }

Napi::Value valueOf(Napi::Env env, const Parameter& parameter);
Napi::Value valueOf(Napi::Env env, const Stage& stage) { return valueOf(env, stage.name); }
Napi::Value valueOf(Napi::Env env, const NeuronLayer& layer);

template <class Range>
Napi::Value arrayOf(Napi::Env env, const Range& range) {
  auto array = Napi::Array::New(env, range.size());
  uint32_t i = 0;
  for (const auto& item : range) array[i++] = valueOf(env, item);
  return array;
}

Napi::Value valueOf(Napi::Env env, const std::array<int64_t, 2>& size) { return arrayOf(env, size); }

Napi::Value valueOf(Napi::Env env, const Parameter& parameter) {
  return objectOf(env,
                  {{"name", valueOf(env, parameter.name)}, {"shape", arrayOf(env, parameter.value.sizes())}});
}

Napi::Value valueOf(Napi::Env env, const NeuronLayer& layer) {
  const auto& weight = layer.weight->value;
  return objectOf(env, {{"name", valueOf(env, layer.name)},
                        {"size", valueOf(env, weight.size(0))},
                        {"weights", valueOf(env, weight.numel() / weight.size(0))},
                        {"stage", valueOf(env, static_cast<int64_t>(layer.stage))},
                        {"isShortcut", Napi::Boolean::New(env, layer.isShortcut)}});
}

Napi::Value headOf(Napi::Env env, const Network& network) {
  const auto weight = network.head + ".weight";
  return objectOf(env, {{"weight", valueOf(env, weight)},
                        {"bias", valueOf(env, network.head + ".bias")},
                        {"features", valueOf(env, network.parameter(weight).value.size(1))}});
}

}  // namespace

Napi::Object describe(Napi::Env env, const Network& network) {
  auto result = objectOf(env, {{"parameters", arrayOf(env, network.parameters)},
                               {"buffers", arrayOf(env, network.buffers)},
                               {"stages", arrayOf(env, network.stages)},
                               {"layers", arrayOf(env, network.layers)},
                               {"mappable", arrayOf(env, network.mappable)},
                               {"mappedByDefault", valueOf(env, network.mappedByDefault)},
                               {"patches", env.Null()}});
  result.Set("head", network.head.empty() ? env.Null() : headOf(env, network));
  if (network.patches) result.Set("patches", valueOf(env, *network.patches));
  return result;
}

Napi::Object describeArchitectures(Napi::Env env) {
  auto result = Napi::Object::New(env);
  for (const auto& family : families()) {
    auto options = Napi::Object::New(env);
    const auto& [imageSize, patchSize, layerNormEps] = family.options;
    if (imageSize) options.Set("imageSize", valueOf(env, *imageSize));
    if (patchSize) options.Set("patchSize", valueOf(env, *patchSize));
    if (layerNormEps) options.Set("layerNormEps", valueOf(env, *layerNormEps));
    for (const auto& architecture : family.architectures) {
      result.Set(architecture.first,
                 objectOf(env, {{"family", valueOf(env, family.name)}, {"options", options}}));
    }
  }
  return result;
}

}  // namespace spurmem
