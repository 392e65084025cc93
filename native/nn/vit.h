// timm's plain vision transformers: parameter names, initial values and arithmetic.
#pragma once

#include <memory>
#include <string>

#include "network.h"

namespace spurmem {

struct VitOptions {
  int64_t imageHeight = 224;
  int64_t imageWidth = 224;
  int64_t patchSize = 16;
  double layerNormEps = 1e-6;
};

// vit_tiny_patch<n>_<size> and vit_small_patch<n>_<size>; null for any other name.
std::unique_ptr<Network> makeVit(const std::string& arch, int64_t numClasses, const VitOptions& options,
                                 at::Generator generator);

}  // namespace spurmem
