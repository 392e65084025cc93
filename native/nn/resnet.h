// torchvision's ResNet-18, -34 and -50: parameter names, initial values and arithmetic.
#pragma once

#include <memory>
#include <string>

#include "network.h"

namespace spurmem {

// Null for any other name.
std::unique_ptr<Network> makeResNet(const std::string& arch, int64_t numClasses, at::Generator generator);

}  // namespace spurmem
