// The families of architectures. All are made with PyTorch's initial weights.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "network.h"

namespace spurmem {

// torchvision's ResNets: `blocks` of each of the four layers.
std::unique_ptr<Network> makeResNet(const std::vector<int64_t>& blocks, bool hasBottlenecks,
                                    int64_t numClasses, at::Generator generator);

struct VitDesign {
  int64_t channels;                  // of a token
  std::array<int64_t, 2> imageSize;  // height and width in pixels
  int64_t patchSize;
  double layerNormEps;
};
// timm's plain vision transformers.
std::unique_ptr<Network> makeVit(const VitDesign& design, int64_t numClasses, at::Generator generator);

// SimCLR's projection head: Linear, ReLU, Linear, with the names of a torch.nn.Sequential of the three.
std::unique_ptr<Network> makeProjectionHead(int64_t inputs, int64_t hidden, int64_t outputs,
                                            at::Generator generator);

}  // namespace spurmem
