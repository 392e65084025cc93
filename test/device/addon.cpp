// The device as a module of Node's: `require` registers it, and its functions tell what was counted.
#include <napi.h>

#include "runtime.h"

namespace testdevice {

namespace {

Napi::Object counts(Napi::Env env, const std::map<std::string, uint64_t>& all) {
  auto object = Napi::Object::New(env);
  for (const auto& [what, count] : all) object.Set(what, static_cast<double>(count));
  return object;
}

Napi::Value tell(const Napi::CallbackInfo& info) {
  const auto found = report();
  auto object = Napi::Object::New(info.Env());
  object.Set("hazards", counts(info.Env(), found.hazards));
  object.Set("faults", counts(info.Env(), found.faults));
  object.Set("waits", counts(info.Env(), found.waits));
  auto launches = Napi::Array::New(info.Env());
  for (const auto count : found.launches) launches[launches.Length()] = static_cast<double>(count);
  object.Set("launches", launches);
  return object;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, auto function) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  const auto numberOf = [](const Napi::CallbackInfo& info) {
    return info[0].As<Napi::Number>().Int64Value();
  };
  add("report", tell);
  add("forget", [](const Napi::CallbackInfo&) { forgetReport(); });
  add("setCapacity", [numberOf](const Napi::CallbackInfo& info) { setCapacity(numberOf(info)); });
  add("failAllocation", [numberOf](const Napi::CallbackInfo& info) { failAllocation(numberOf(info)); });
  add("lose", [numberOf](const Napi::CallbackInfo& info) { loseDevice(numberOf(info)); });
  add("loseAtWait", [numberOf](const Napi::CallbackInfo& info) { loseDeviceAtWait(numberOf(info)); });
  add("find", [](const Napi::CallbackInfo&) { findDevice(); });
  return exports;
}

NODE_API_MODULE(testdevice, init)

}  // namespace

}  // namespace testdevice
