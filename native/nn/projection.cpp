// SimCLR's projection head: Linear, ReLU, Linear, with the names of a torch.nn.Sequential of the three.
#include "architectures.h"

namespace spurmem {

namespace {

std::unique_ptr<Network> makeProjectionHead(const Design& design, at::Generator generator) {
  auto network = std::make_unique<Network>();
  NetworkBuilder build(*network, generator);
  auto first = build.linear("0", design.integer("inputs"), design.integer("hidden"));
  auto second = build.linear("2", design.integer("hidden"), design.integer("outputs"));
  build.stage("projection", [first, second](at::Tensor x, const ForwardContext& context) {
    return second(first(x, context).relu_(), context);
  });
  return network;
}

const Registered projectionHead("projection head", makeProjectionHead);

}  // namespace

}  // namespace spurmem
