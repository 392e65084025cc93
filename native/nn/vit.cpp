#include "vit.h"

#include <cmath>
#include <optional>

namespace spurmem {

namespace {

using Layer = NetworkBuilder::Layer;

constexpr int64_t kDepth = 12;
constexpr int64_t kMlpRatio = 4;
constexpr int64_t kHeadSize = 64;

std::optional<int64_t> widthOf(const std::string& arch) {
  if (arch.rfind("vit_tiny_patch", 0) == 0) return 192;
  if (arch.rfind("vit_small_patch", 0) == 0) return 384;
  return std::nullopt;
}

// torch.nn.init.trunc_normal_(std=std) with its default cuts at -2 and 2, in its order of operations.
void truncNormal(at::Tensor& tensor, double std, at::Generator generator) {
  const auto cdf = [](double x) { return (1.0 + std::erf(x / std::sqrt(2.0))) / 2.0; };
  const double low = cdf(-2.0 / std);
  const double high = cdf(2.0 / std);
  tensor.uniform_(2 * low - 1, 2 * high - 1, generator)
      .erfinv_()
      .mul_(std * std::sqrt(2.0))
      .add_(0.0)
      .clamp_(-2.0, 2.0);
}

struct Block {
  Layer norm1, qkv, proj, norm2, fc1, fc2;
  int64_t heads;

  at::Tensor attention(const at::Tensor& x, const ForwardContext& context) const {
    const int64_t batch = x.size(0);
    const int64_t tokens = x.size(1);
    const int64_t width = x.size(2);
    const auto parts =
        qkv(x, context).reshape({batch, tokens, 3, heads, width / heads}).permute({2, 0, 3, 1, 4}).unbind(0);
    if (context.multiplyAdds != nullptr) {
      *context.multiplyAdds += 2.0 * static_cast<double>(batch * tokens * tokens * width);
    }
    const auto mixed = at::scaled_dot_product_attention(parts[0], parts[1], parts[2]);
    return proj(mixed.transpose(1, 2).reshape({batch, tokens, width}), context);
  }

  at::Tensor operator()(at::Tensor x, const ForwardContext& context) const {
    x = x + attention(norm1(x, context), context);
    return x + fc2(at::gelu(fc1(norm2(x, context), context)), context);
  }
};

}  // namespace

std::unique_ptr<Network> makeVit(const std::string& arch, int64_t numClasses, const VitOptions& options,
                                 at::Generator generator) {
  const auto found = widthOf(arch);
  if (!found) return nullptr;
  const int64_t width = *found;
  const int64_t patch = options.patchSize;
  TORCH_CHECK(options.imageHeight % patch == 0 && options.imageWidth % patch == 0, "the image size ",
              options.imageHeight, " x ", options.imageWidth, " is no multiple of the patch size ", patch);
  const int64_t tokens = (options.imageHeight / patch) * (options.imageWidth / patch) + 1;

  auto network = std::make_unique<Network>();
  NetworkBuilder build(*network, generator);
  auto& clsToken = build.parameter("cls_token", at::zeros({1, 1, width}));
  auto& posEmbed = build.parameter("pos_embed", at::randn({1, tokens, width}, generator) * 0.02);
  auto embed = build.conv2d("patch_embed.proj", 3, width, patch, patch, 0, /*hasBias=*/true);
  build.stage("patch_embed", [embed, &clsToken, &posEmbed](at::Tensor x, const ForwardContext& context) {
    const auto patches = embed(x, context).flatten(2).transpose(1, 2);
    const auto cls = clsToken.value.expand({patches.size(0), -1, -1});
    return at::cat({cls, patches}, 1) + posEmbed.value;
  });

  const auto neuronLinear = [&build](const std::string& name, int64_t in, int64_t out) {
    auto layer = build.linear(name, in, out);
    build.neurons(name);
    return layer;
  };
  for (int64_t i = 0; i < kDepth; ++i) {
    const auto name = "blocks." + std::to_string(i);
    Block block;
    block.heads = width / kHeadSize;
    block.norm1 = build.layerNorm(name + ".norm1", width, options.layerNormEps);
    block.qkv = neuronLinear(name + ".attn.qkv", width, 3 * width);
    block.proj = neuronLinear(name + ".attn.proj", width, width);
    block.norm2 = build.layerNorm(name + ".norm2", width, options.layerNormEps);
    block.fc1 = neuronLinear(name + ".mlp.fc1", width, kMlpRatio * width);
    block.fc2 = neuronLinear(name + ".mlp.fc2", kMlpRatio * width, width);
    build.stage(name, block);
  }

  auto norm = build.layerNorm("norm", width, options.layerNormEps);
  auto head = build.linear("head", width, numClasses);
  build.head(
      "head", [norm](at::Tensor x, const ForwardContext& context) { return norm(x, context).select(1, 0); },
      head);

  // timm then draws anew, in this order: pos_embed, cls_token, and every linear layer's weight; biases become
  // 0.
  truncNormal(posEmbed.value, 0.02, generator);
  clsToken.value.normal_(0, 1e-6, generator);
  for (auto& [parameterName, value] : network->parameters) {
    if (parameterName.rfind("patch_embed", 0) == 0) continue;
    const auto isLinear = parameterName.rfind("head", 0) == 0 ||
                          parameterName.find(".attn.") != std::string::npos ||
                          parameterName.find(".mlp.") != std::string::npos;
    if (!isLinear) continue;
    if (value.dim() == 2) {
      truncNormal(value, 0.02, generator);
    } else {
      value.zero_();
    }
  }
  return network;
}

}  // namespace spurmem
