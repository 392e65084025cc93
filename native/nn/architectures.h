// The families of architectures. All are made with PyTorch's initial weights.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "network.h"

namespace spurmem {

// The difference of a network from others of its family: numbers by name, as src/models/architectures.ts
// gives them.
struct Design {
  std::unordered_map<std::string, std::vector<double>> values;

  const std::vector<double>& numbers(const std::string& name) const {
    const auto found = values.find(name);
    TORCH_CHECK(found != values.end() && !found->second.empty(), "the network's design lacks ", name);
    return found->second;
  }
  double number(const std::string& name) const { return numbers(name).front(); }
  // Sizes and counts: nothing that is multiplied overflows.
  int64_t integer(const std::string& name) const { return checked(name, number(name)); }
  std::vector<int64_t> integers(const std::string& name, size_t most) const {
    std::vector<int64_t> result;
    for (const auto value : numbers(name)) result.push_back(checked(name, value));
    TORCH_CHECK(result.size() <= most, name, " has ", result.size(), " numbers, and at most ", most, " fit");
    return result;
  }

 private:
  static int64_t checked(const std::string& name, double value) {
    constexpr int64_t kMost = 1 << 15;
    TORCH_CHECK(value >= 1 && value <= kMost && value == std::floor(value), name,
                " is a whole number from 1 to ", kMost, ", not ", value);
    return static_cast<int64_t>(value);
  }
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
