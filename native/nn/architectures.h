// The architectures by torchvision's and timm's names, a file for each family of them.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "network.h"

namespace spurmem {

// What an architecture can be given; each only where it takes it.
struct ArchitectureOptions {
  std::optional<std::array<int64_t, 2>> imageSize;  // height and width in pixels
  std::optional<int64_t> patchSize;
  std::optional<double> layerNormEps;
};

// Makes a network with PyTorch's initial weights, of all the options that it takes.
using MakeNetwork =
    std::function<std::unique_ptr<Network>(int64_t numClasses, const ArchitectureOptions&, at::Generator)>;

struct Family {
  std::string name;
  std::vector<std::pair<std::string, MakeNetwork>> architectures;
  // The options that they take, with their defaults.
  ArchitectureOptions options;
};

// All of them.
inline std::vector<Family>& families() {
  static std::vector<Family> all;
  return all;
}

// Adds a family as the addon is loaded: one such constant is all that a family's file gives.
struct Registered {
  explicit Registered(Family family) { families().push_back(std::move(family)); }
};

// SimCLR's projection head: Linear, ReLU, Linear, with the names of a torch.nn.Sequential of the three.
std::unique_ptr<Network> makeProjectionHead(int64_t inputs, int64_t hidden, int64_t outputs,
                                            at::Generator generator);

}  // namespace spurmem
