// The objects of the addon's classes, as C++ holds them; a Tensor's is in tensor.h.
#pragma once

#include <ATen/ATen.h>
#include <napi.h>

#include <memory>
#include <string>

namespace spurmem {

struct Network;
class ProcessGroup;

// All throw a TypeError for anything else, and for a disposed one.
at::Generator toGenerator(const Napi::Value& value, const std::string& name);
std::shared_ptr<Network> toNetwork(const Napi::Value& value, const std::string& name);
std::shared_ptr<ProcessGroup> toProcessGroup(const Napi::Value& value, const std::string& name);

}  // namespace spurmem
