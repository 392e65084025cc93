// The families of architectures. All are made with PyTorch's initial weights.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "network.h"

namespace spurmem {

// What tells a network from others of its family: numbers by name, as src/models/architectures.ts gives them.
struct Design {
  std::unordered_map<std::string, std::vector<double>> values;

  const std::vector<double>& numbers(const std::string& name) const {
    const auto found = values.find(name);
    TORCH_CHECK(found != values.end() && !found->second.empty(), "the network's design lacks ", name);
    return found->second;
  }
  double number(const std::string& name) const { return numbers(name).front(); }
  int64_t integer(const std::string& name) const { return static_cast<int64_t>(number(name)); }
};

using MakeNetwork = std::unique_ptr<Network> (*)(const Design&, at::Generator);

// All families by name.
inline std::vector<std::pair<std::string, MakeNetwork>>& families() {
  static std::vector<std::pair<std::string, MakeNetwork>> all;
  return all;
}

// Adds a family to them as the addon is loaded: one such constant is all that a family's file gives.
struct Registered {
  Registered(const char* family, MakeNetwork make) { families().emplace_back(family, make); }
};

}  // namespace spurmem
