#include "losses.h"

#include <ATen/ATen.h>

#include <limits>
#include <optional>
#include <vector>

#include "arguments.h"
#include "engine.h"
#include "tensor.h"

namespace spurmem {

namespace {

Napi::Value wrapLoss(Napi::Env env, at::Tensor& loss) { return TensorHandle::wrap(env, std::move(loss)); }

at::Tensor ntXentLoss(const at::Tensor& a, const at::Tensor& b, double temperature) {
  TORCH_CHECK(a.dim() == 2 && a.sizes() == b.sizes(), "NT-Xent takes two tensors of one shape [N, D], not ",
              a.sizes(), " and ", b.sizes());
  const int64_t n = a.size(0);
  TORCH_CHECK(n > 1, "NT-Xent needs at least two images in a batch: the others are the negatives");
  const auto features = at::cat({a, b});
  // As torch.nn.functional.normalize.
  const auto norms =
      at::linalg_vector_norm(features, 2, at::IntArrayRef{1}, /*keepdim=*/true).clamp_min(1e-12);
  const auto unit = features / norms.expand_as(features);
  const auto similarity = at::mm(unit, unit.t()) / temperature;
  const auto self = at::eye(2 * n, similarity.options().dtype(at::kBool));
  const auto positives = (at::arange(2 * n, self.options().dtype(at::kLong)) + n).remainder(2 * n);
  return at::cross_entropy_loss(similarity.masked_fill(self, -std::numeric_limits<double>::infinity()),
                                positives);
}

struct Term {
  at::Tensor tensor;
  double factor = 1;
  std::optional<std::vector<float>> weights;
};

at::Tensor valueOf(const Term& term) {
  if (!term.weights) return (term.tensor * term.factor).sum();
  TORCH_CHECK(static_cast<int64_t>(term.weights->size()) == term.tensor.numel(), "there are ",
              term.weights->size(), " weights for ", term.tensor.numel(), " values");
  const auto weights = at::tensor(*term.weights).to(term.tensor.device()).view(term.tensor.sizes());
  return (term.tensor * weights).sum();
}

}  // namespace

Napi::Value crossEntropy(const Napi::CallbackInfo& info) {
  const auto logits = TensorHandle::unwrap(info[0], "logits");
  const auto labels = TensorHandle::unwrap(info[1], "labels");
  const auto reduction = toString(info[2], "reduction") == "none" ? at::Reduction::None : at::Reduction::Mean;
  return submit(
      info.Env(), LaneName::compute,
      [logits, labels, reduction] {
        return at::cross_entropy_loss(logits, labels.to(at::kLong), {}, reduction);
      },
      wrapLoss);
}

Napi::Value squaredError(const Napi::CallbackInfo& info) {
  const auto logits = TensorHandle::unwrap(info[0], "logits");
  const auto labels = TensorHandle::unwrap(info[1], "labels");
  const bool isMean = toString(info[2], "reduction") != "none";
  return submit(
      info.Env(), LaneName::compute,
      [logits, labels, isMean] {
        const auto target = at::one_hot(labels.to(at::kLong), logits.size(1)).to(logits.scalar_type());
        const auto prediction = at::softmax(logits, 1);
        if (isMean) return at::mse_loss(prediction, target);
        return at::mse_loss(prediction, target, at::Reduction::None).mean(1);
      },
      wrapLoss);
}

Napi::Value ntXent(const Napi::CallbackInfo& info) {
  const auto a = TensorHandle::unwrap(info[0], "a");
  const auto b = TensorHandle::unwrap(info[1], "b");
  const auto temperature = toNumber(info[2], "temperature");
  return submit(
      info.Env(), LaneName::compute, [a, b, temperature] { return ntXentLoss(a, b, temperature); }, wrapLoss);
}

Napi::Value combine(const Napi::CallbackInfo& info) {
  const auto array = toArray(info[0], "terms");
  std::vector<Term> terms;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const auto item = toObject(array.Get(i), "term");
    Term term;
    term.tensor = TensorHandle::unwrap(item.Get("tensor"), "tensor");
    const auto weight = item.Get("weight");
    if (weight.IsNumber()) {
      term.factor = toNumber(weight, "weight");
    } else {
      term.weights = toFloat32s(weight, "weight");
    }
    terms.push_back(std::move(term));
  }
  if (terms.empty()) throw expected(info.Env(), "at least one term", "terms", info[0]);
  return submit(
      info.Env(), LaneName::compute,
      [terms] {
        auto sum = valueOf(terms.front());
        for (size_t i = 1; i < terms.size(); ++i) sum = sum + valueOf(terms[i]);
        return sum;
      },
      wrapLoss);
}

}  // namespace spurmem
