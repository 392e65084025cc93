// torchvision's residual networks, and those for small images (He et al. 2016, section 4.2) in its terms:
// parameter names, initial values and arithmetic.
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../kernels/convNorm.h"
#include "architectures.h"

namespace spurmem {

namespace {

struct Block {
  std::vector<ConvNorm> layers;
  std::optional<ConvNorm> downsample;

  at::Tensor operator()(at::Tensor x, const ForwardContext& context) const {
    auto out = x;
    for (size_t i = 0; i + 1 < layers.size(); ++i) out = layers[i].relu(out, context);
    auto identity = downsample ? (*downsample)(x, context) : std::move(x);
    return layers.back().addRelu(out, std::move(identity), context);
  }
};

// BasicBlock, or Bottleneck with its stride on the 3x3 convolution.
// `inner` has the groups of its 3x3 convolution, and their channels where `planes` is 64.
Block makeBlock(NetworkBuilder& build, const std::string& name, int64_t in, int64_t planes, int64_t stride,
                int64_t expansion, const std::vector<int64_t>& inner) {
  const int64_t out = planes * expansion;
  Block block;
  const auto add = [&](int number, int64_t from, int64_t to, int64_t kernel, int64_t convStride,
                       int64_t groups = 1) {
    const auto suffix = std::to_string(number);
    block.layers.emplace_back(build, name + ".conv" + suffix, name + ".bn" + suffix, from, to, kernel,
                              convStride, kernel / 2, /*isShortcut=*/false, groups);
  };
  if (expansion > 1) {
    const auto groups = inner[0], width = planes * inner[1] / 64 * groups;
    add(1, in, width, 1, 1);
    add(2, width, width, 3, stride, groups);
    add(3, width, out, 1, 1);
  } else {
    add(1, in, planes, 3, stride);
    add(2, planes, planes, 3, 1);
  }
  if (stride != 1 || in != out) {
    block.downsample.emplace(build, name + ".downsample.0", name + ".downsample.1", in, out, 1, stride, 0,
                             /*isShortcut=*/true);
  }
  return block;
}

// ResNets of `blocks` in each layer, the first of `width` planes, whose outputs are `expansion` times as
// many: 1 for BasicBlock, 4 for Bottleneck. `bottleneck` has a Bottleneck's groups and their width
// (1 and 64). A stem of 7x7 quarters the image's sides, one of 3x3 keeps them.
std::unique_ptr<Network> makeResNet(const Design& design, at::Generator generator) {
  const auto blocks = design.integers("blocks", 8);
  const auto expansion = design.integer("expansion");
  const auto width = design.integer("width");
  const auto kernel = design.integer("stem");
  const bool isLarge = kernel == 7;
  const auto inner =
      design.values.count("bottleneck") > 0 ? design.integers("bottleneck", 2) : std::vector<int64_t>{1, 64};
  TORCH_CHECK(inner.size() == 2, "bottleneck has two numbers, groups and their width");
  auto network = std::make_unique<Network>();
  NetworkBuilder build(*network, generator);

  const ConvNorm conv1(build, "conv1", "bn1", 3, width, kernel, isLarge ? 2 : 1, kernel / 2);
  build.stage("stem", [conv1, isLarge](at::Tensor x, const ForwardContext& context) {
    const auto out = conv1.relu(x, context);
    return isLarge ? at::max_pool2d(out, {3, 3}, {2, 2}, {1, 1}) : out;
  });

  int64_t channels = width;
  for (size_t i = 0; i < blocks.size(); ++i) {
    const int64_t planes = width << i;
    for (int64_t j = 0; j < blocks[i]; ++j) {
      const auto name = "layer" + std::to_string(i + 1) + "." + std::to_string(j);
      const int64_t stride = i > 0 && j == 0 ? 2 : 1;
      build.stage(name, makeBlock(build, name, channels, planes, stride, expansion, inner));
      channels = planes * expansion;
    }
  }

  build.head("fc", channels, design.integer("numClasses"), [](at::Tensor x, const ForwardContext&) {
    return at::flatten(at::adaptive_avg_pool2d(x, {1, 1}), 1);
  });

  // The constructors above drew PyTorch's default values (how many, not in which order, is what matters to
  // the generator); torchvision then draws every convolution anew, in module order:
  // kaiming_normal_(mode='fan_out', nonlinearity='relu').
  for (const auto& layer : network->layers) {
    const auto& weight = layer.weight->value;
    const auto fanOut = static_cast<double>(weight.size(0) * weight.size(2) * weight.size(3));
    weight.normal_(0, std::sqrt(2.0) / std::sqrt(fanOut), generator);
  }
  return network;
}

const Registered resnet("resnet", makeResNet);

}  // namespace

}  // namespace spurmem
