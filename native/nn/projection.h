#pragma once

#include <memory>

#include "network.h"

namespace spurmem {

// SimCLR's projection head: Linear, ReLU, Linear, with the names of a torch.nn.Sequential of the three.
std::unique_ptr<Network> makeProjectionHead(int64_t inputs, int64_t hidden, int64_t outputs,
                                            at::Generator generator);

}  // namespace spurmem
