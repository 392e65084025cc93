#include "architectures.h"

namespace spurmem {

std::unique_ptr<Network> makeProjectionHead(int64_t inputs, int64_t hidden, int64_t outputs,
                                            at::Generator generator) {
  auto network = std::make_unique<Network>();
  NetworkBuilder build(*network, generator);
  auto first = build.linear("0", inputs, hidden);
  auto second = build.linear("2", hidden, outputs);
  build.stage("projection", [first, second](at::Tensor x, const ForwardContext& context) {
    return second(first(x, context).relu_(), context);
  });
  return network;
}

}  // namespace spurmem
