// Losses with their graph: scalars, or one value per sample.
#include <ATen/ATen.h>
#include <napi.h>

#include <limits>

#include "arguments.h"
#include "exports.h"
#include "jobs.h"
#include "tensor.h"

namespace spurmem {

namespace {

at::Reduction::Reduction toReduction(const Napi::Value& value) {
  return toChoice<at::Reduction::Reduction>(value, "reduction",
                                            {{"mean", at::Reduction::Mean}, {"none", at::Reduction::None}});
}

// Rows of length 1, as torch.nn.functional.normalize.
at::Tensor normalized(const at::Tensor& features) {
  const auto norms =
      at::linalg_vector_norm(features, 2, at::IntArrayRef{1}, /*keepdim=*/true).clamp_min(1e-12);
  return features / norms.expand_as(features);
}

at::Tensor ntXentLoss(const at::Tensor& a, const at::Tensor& b, double temperature) {
  TORCH_CHECK(a.dim() == 2 && a.sizes() == b.sizes(), "NT-Xent takes two tensors of one shape [N, D], not ",
              a.sizes(), " and ", b.sizes());
  const int64_t n = a.size(0);
  TORCH_CHECK(n > 1, "NT-Xent needs at least two images in a batch: the others are the negatives");
  const auto unit = normalized(at::cat({a, b}));
  const auto similarity = at::mm(unit, unit.t()) / temperature;
  const auto self = at::eye(2 * n, similarity.options().dtype(at::kBool));
  const auto positives = (at::arange(2 * n, self.options().dtype(at::kLong)) + n).remainder(2 * n);
  return at::cross_entropy_loss(similarity.masked_fill(self, -std::numeric_limits<double>::infinity()),
                                positives);
}

// Rows of the features: one anchor per set, and the sets' positives and negatives, set after set.
struct ContrastiveSets {
  at::Tensor anchors, positives, negatives;
};

at::Tensor supervisedContrastLoss(const at::Tensor& features, const ContrastiveSets& sets,
                                  double temperature) {
  const int64_t count = sets.anchors.numel();
  TORCH_CHECK(features.dim() == 2, "features are [N, D], not ", features.sizes());
  TORCH_CHECK(count > 0, "there is no anchor");
  for (const auto& others : {sets.positives, sets.negatives}) {
    TORCH_CHECK(others.numel() > 0 && others.numel() % count == 0, others.numel(),
                " positives or negatives do not make up ", count, " sets");
  }
  const auto others = at::cat({sets.positives.view({count, -1}), sets.negatives.view({count, -1})}, 1);
  for (const auto& rows : {sets.anchors, others}) {
    TORCH_CHECK(rows.min().item<int>() >= 0 && rows.max().item<int>() < features.size(0),
                "a set names a row that ", features.size(0), " features do not have");
  }
  const auto unit = normalized(features);
  const auto rows = [&unit](const at::Tensor& index) {
    return unit.index_select(0, sendTo(unit.device(), index.flatten()).to(at::kLong));
  };
  const auto ofOthers = rows(others).view({count, others.size(1), unit.size(1)});
  const auto similarity = (rows(sets.anchors).unsqueeze(1) * ofOthers).sum(2) / temperature;
  return -at::log_softmax(similarity, 1).narrow(1, 0, sets.positives.numel() / count).mean();
}

struct Term {
  at::Tensor tensor;
  double factor = 1;
  at::Tensor weights;
};

Term toTerm(const Napi::Value& value, const std::string& name) {
  const Fields item(value, name);
  Term term;
  term.tensor = toTensor(item["tensor"], "tensor");
  const auto weight = item["weight"];
  if (weight.IsNumber()) {
    term.factor = toNumber(weight, "weight");
  } else {
    term.weights = fromTypedArray(weight, at::kFloat, "weight");
  }
  return term;
}

at::Tensor valueOf(const Term& term) {
  if (!term.weights.defined()) return (term.tensor * term.factor).sum();
  TORCH_CHECK(term.weights.numel() == term.tensor.numel(), "there are ", term.weights.numel(),
              " weights for ", term.tensor.numel(), " values");
  return (term.tensor * sendTo(term.tensor.device(), term.weights).view(term.tensor.sizes())).sum();
}

Napi::Value crossEntropy(const Napi::CallbackInfo& info) {
  return compute(info, [logits = toTensor(info[0], "logits"), labels = toTensor(info[1], "labels"),
                        reduction = toReduction(info[2])] {
    return at::cross_entropy_loss(logits, labels.to(at::kLong), {}, reduction);
  });
}

Napi::Value squaredError(const Napi::CallbackInfo& info) {
  return compute(info, [logits = toTensor(info[0], "logits"), labels = toTensor(info[1], "labels"),
                        reduction = toReduction(info[2])] {
    TORCH_CHECK(logits.dim() == 2 && labels.dim() == 1 && labels.size(0) == logits.size(0),
                "logits are [N, C] and labels [N], not ", logits.sizes(), " and ", labels.sizes());
    const auto target = at::one_hot(labels.to(at::kLong), logits.size(1)).to(logits.scalar_type());
    const auto error = at::mse_loss(at::softmax(logits, 1), target, reduction);
    return reduction == at::Reduction::None ? error.mean(1) : error;
  });
}

Napi::Value ntXent(const Napi::CallbackInfo& info) {
  return compute(info,
                 [a = toTensor(info[0], "a"), b = toTensor(info[1], "b"),
                  temperature = toNumber(info[2], "temperature")] { return ntXentLoss(a, b, temperature); });
}

Napi::Value supervisedContrast(const Napi::CallbackInfo& info) {
  const Fields given(info[1], "sets");
  const auto rows = [&given](const char* name) { return fromTypedArray(given[name], at::kInt, name); };
  return compute(info, [features = toTensor(info[0], "features"),
                        sets = ContrastiveSets{rows("anchors"), rows("positives"), rows("negatives")},
                        temperature = toNumber(info[2], "temperature")] {
    return supervisedContrastLoss(features, sets, temperature);
  });
}

Napi::Value combine(const Napi::CallbackInfo& info) {
  const auto terms = toVector(info[0], "terms", toTerm);
  if (terms.empty()) throw expected(info.Env(), "at least one term", "terms", info[0]);
  return compute(info, [terms] {
    auto sum = valueOf(terms.front());
    for (size_t i = 1; i < terms.size(); ++i) sum = sum + valueOf(terms[i]);
    return sum;
  });
}

}  // namespace

void exportLosses(Napi::Object exports) {
  exportFunction<crossEntropy>(exports, "crossEntropy(logits, labels, reduction)");
  exportFunction<squaredError>(exports, "squaredError(logits, labels, reduction)");
  exportFunction<ntXent>(exports, "ntXent(a, b, temperature)");
  exportFunction<supervisedContrast>(exports, "supervisedContrast(features, sets, temperature)");
  exportFunction<combine>(exports, "combine(terms)");
}

}  // namespace spurmem
