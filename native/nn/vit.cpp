// timm's plain vision transformers: parameter names, initial values and arithmetic.
#include <cmath>
#include <memory>
#include <string>

#include "architectures.h"

namespace spurmem {

namespace {

using Layer = NetworkBuilder::Layer;

constexpr int64_t kDepth = 12;
constexpr int64_t kMlpRatio = 4;
constexpr int64_t kHeadSize = 64;

// timm.layers.trunc_normal_(std=std) with its default cuts at -2 and 2, in its order of operations.
// torch.nn.init's of PyTorch 2.15 draws otherwise.
void truncNormal(const at::Tensor& tensor, double std, at::Generator generator) {
  const auto cdf = [](double x) { return (1.0 + std::erf(x / std::sqrt(2.0))) / 2.0; };
  const double low = cdf(-2.0 / std);
  const double high = cdf(2.0 / std);
  tensor.uniform_(2 * low - 1, 2 * high - 1, generator)
      .erfinv_()
      .mul_(std * std::sqrt(2.0))
      .add_(0.0)
      .clamp_(-2.0, 2.0);
}

// softmax(q k^T / sqrt(d)) v of [batch, heads, tokens, d]. libtorch's fused kernel multiplies bfloat16
// matrices on the CPU by a plain loop where it was built without MKL; oneDNN has a product for them (ViT-S,
// 16 images: 1.35 s against 0.23 s for a forward pass).
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  if (!q.is_cpu() || q.scalar_type() != at::kBFloat16) return at::scaled_dot_product_attention(q, k, v);
  const auto scores = at::matmul(q * (1 / std::sqrt(static_cast<double>(q.size(-1)))), k.transpose(-2, -1));
  return at::matmul(at::softmax(scores, -1), v);
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
    context.count(2 * batch * tokens * tokens * width);
    const auto mixed = attend(parts[0], parts[1], parts[2]);
    return proj(mixed.transpose(1, 2).reshape({batch, tokens, width}), context);
  }

  at::Tensor operator()(at::Tensor x, const ForwardContext& context) const {
    x = x + attention(norm1(x, context), context);
    return x + fc2(at::gelu(fc1(norm2(x, context), context)), context);
  }
};

// A token has `channels`, images are `imageSize`, height and width in pixels, and patches `patchSize`.
std::unique_ptr<Network> makeVit(const Design& design, at::Generator generator) {
  const auto width = design.integer("channels");
  const auto patch = design.integer("patchSize");
  const auto eps = design.number("layerNormEps");
  const auto imageSize = design.integers("imageSize", 2);
  const auto height = imageSize.front();
  const auto imageWidth = imageSize.back();
  TORCH_CHECK(width % kHeadSize == 0, "channels is ", width, ", which is no multiple of ", kHeadSize);
  TORCH_CHECK(height % patch == 0 && imageWidth % patch == 0, "the image size ", height, " x ", imageWidth,
              " is no multiple of the patch size ", patch);
  const std::array<int64_t, 2> patches{height / patch, imageWidth / patch};
  const int64_t tokens = patches[0] * patches[1] + 1;

  auto network = std::make_unique<Network>();
  network->patches = patches;
  NetworkBuilder build(*network, generator);
  auto& clsToken = build.parameter("cls_token", at::zeros({1, 1, width}));
  auto& posEmbed = build.parameter("pos_embed", at::empty({1, tokens, width}));
  auto embed = build.conv2d("patch_embed.proj", 3, width, patch, patch, 0, /*hasBias=*/true);
  build.mappable("patch_embed.proj");
  build.stage("patch_embed", [embed, &clsToken, &posEmbed](at::Tensor x, const ForwardContext& context) {
    const auto embedded = embed(x, context).flatten(2).transpose(1, 2);
    const auto cls = clsToken.value.expand({embedded.size(0), -1, -1});
    return at::cat({cls, embedded}, 1) + posEmbed.value;
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
    block.norm1 = build.layerNorm(name + ".norm1", width, eps);
    block.qkv = neuronLinear(name + ".attn.qkv", width, 3 * width);
    block.proj = neuronLinear(name + ".attn.proj", width, width);
    block.norm2 = build.layerNorm(name + ".norm2", width, eps);
    block.fc1 = neuronLinear(name + ".mlp.fc1", width, kMlpRatio * width);
    block.fc2 = neuronLinear(name + ".mlp.fc2", kMlpRatio * width, width);
    build.stage(name, block);
    build.mappable(name + ".norm1");
    // Behind the last one, and the final norm, only the class token counts: their patches have no gradient.
    if (i + 1 < kDepth) build.mappable(name + ".norm2");
  }

  auto norm = build.layerNorm("norm", width, eps);
  build.head("head", width, design.integer("numClasses"),
             [norm](at::Tensor x, const ForwardContext& context) { return norm(x, context).select(1, 0); });

  // timm then draws anew, in this order: pos_embed, cls_token, and every linear layer; biases become 0.
  truncNormal(posEmbed.value, 0.02, generator);
  clsToken.value.normal_(0, 1e-6, generator);
  const auto drawAnew = [&network, &generator](const std::string& name) {
    truncNormal(network->parameter(name + ".weight").value, 0.02, generator);
    network->parameter(name + ".bias").value.zero_();
  };
  for (const auto& layer : network->layers) drawAnew(layer.name);
  drawAnew(network->head);
  return network;
}

const Registered vit("vit", makeVit);

}  // namespace

}  // namespace spurmem
