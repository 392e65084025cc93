// torch.optim.Adam(fused=True).
#include <ATen/ATen.h>
#include <napi.h>

#include <array>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "device/accelerator.h"
#include "exports.h"
#include "handle.h"
#include "jobs.h"
#include "kernels/operators.h"
#include "nn/network.h"

namespace spurmem {

namespace {

// The fused step copies each gradient that is not contiguous, and then reads memory in order anyway: viewed
// as rows of channels, a channels_last tensor is contiguous.
void inOrderOfMemory(std::array<at::Tensor, 4>& tensors) {
  for (const auto& tensor : tensors) {
    if (tensor.dim() != 4 || !tensor.is_contiguous(at::MemoryFormat::ChannelsLast)) return;
  }
  for (auto& tensor : tensors) tensor = tensor.permute({0, 2, 3, 1});
}

// Returns a bool on their device, without waiting for it.
at::Tensor areFinite(const std::vector<at::Tensor>& tensors, at::Device device) {
  if (tensors.empty()) return at::ones({}, at::TensorOptions(device).dtype(at::kBool));
  if (!isHost(device)) {
    // The largest magnitudes, of all tensors in one kernel.
    const auto norms = at::_foreach_norm(tensors, std::numeric_limits<double>::infinity());
    return at::isfinite(at::stack(norms)).all();
  }
  std::vector<at::Tensor> sums;
  for (const auto& tensor : tensors) sums.push_back(tensor.sum());
  const auto isFinite = [](const at::Tensor& values) { return at::isfinite(values).all(); };
  // A sum, which costs one pass through memory, keeps infinity and NaN. If it overflows, nothing is known.
  const auto ofSums = isFinite(at::stack(sums));
  if (ofSums.item<bool>()) return ofSums;
  for (size_t i = 0; i < tensors.size(); ++i) sums[i] = isFinite(tensors[i]);
  return at::stack(sums).all();
}

// Adam moves a weight by at most a few times the rate: only such a rate makes finite weights infinite.
constexpr double overflowingRate = 1e30;

// Whether the gradients are finite, and the weights: two uint8 values.
struct Finite : Values {
  Finite(const at::Tensor& gradients, const at::Tensor& weights)
      : Values(of(at::stack({gradients, weights}).to(at::kByte))) {}
};

// Otherwise hidden by the next one, for files that are compiled together with this one.
using spurmem::toJavaScript;

Napi::Value toJavaScript(Napi::Env env, const Finite& finite) {
  const auto* are = finite.tensor.const_data_ptr<uint8_t>();
  return objectOf(env, "gradients", are[0] != 0, "weights", are[1] != 0);
}

struct Adam {
  std::shared_ptr<Network> network;
  double beta1, beta2, eps, weightDecay;
  std::vector<at::Tensor> firstMoments{}, secondMoments{}, steps{};

  // Zeroed on the compute lane, before the first use.
  void prepare() {
    if (!steps.empty()) return;
    at::NoGradGuard noGrad;
    for (const auto& parameter : network->parameters) {
      const auto value = parameter.value.detach();
      firstMoments.push_back(at::zeros_like(value, at::MemoryFormat::Preserve));
      secondMoments.push_back(at::zeros_like(value, at::MemoryFormat::Preserve));
      steps.push_back(at::zeros({}, value.options().dtype(at::kFloat)));
    }
  }

  // Moments and counts by PyTorch's names for them.
  NamedTensors state() {
    prepare();
    NamedTensors state;
    for (size_t i = 0; i < steps.size(); ++i) {
      const auto& name = network->parameters[i].name;
      state.emplace_back("exp_avg." + name, firstMoments[i]);
      state.emplace_back("exp_avg_sq." + name, secondMoments[i]);
      state.emplace_back("step." + name, steps[i]);
    }
    return state;
  }

  Finite step(double lr) {
    at::NoGradGuard noGrad;
    prepare();
    std::vector<at::Tensor> parameters, gradients, first, second, counts;
    for (size_t i = 0; i < network->parameters.size(); ++i) {
      const auto& value = network->parameters[i].value;
      if (!value.grad().defined()) continue;
      auto tensors = std::array{value, value.grad(), firstMoments[i], secondMoments[i]};
      inOrderOfMemory(tensors);
      parameters.push_back(tensors[0]);
      gradients.push_back(tensors[1]);
      first.push_back(tensors[2]);
      second.push_back(tensors[3]);
      counts.push_back(steps[i]);
    }
    at::_foreach_add_(counts, 1);
    static const auto fused = operatorInLibtorch(kFusedAdam);
    TORCH_CHECK(fused, "this libtorch has no ", kFusedAdam.name);
    const std::vector<at::Tensor> noMaxima;
    const auto none = c10::IValue();
    callOperator(*fused,
                 {parameters, gradients, first, second, noMaxima, counts, lr, beta1, beta2, weightDecay, eps,
                  /*amsgrad=*/false, /*maximize=*/false, /*grad_scale=*/none, /*found_inf=*/none});
    // The fused step does not count as a change; evaluation keeps weights that it derives until one.
    for (const auto& value : parameters) value.unsafeGetTensorImpl()->bump_version();
    std::vector<at::Tensor> weights;
    if (lr >= overflowingRate) weights = parameters;
    for (const auto& buffer : network->buffers) {
      if (buffer.value.is_floating_point()) weights.push_back(buffer.value);
    }
    const auto device = network->parameters.front().value.device();
    return {areFinite(gradients, device), areFinite(weights, device)};
  }
};

std::shared_ptr<Adam> createAdam(const Napi::CallbackInfo& info) {
  const Fields options(info[1], "options");
  const auto network = toNetwork(info[0], "network");
  TORCH_CHECK(!network->parameters.empty(), "the network has no parameters to optimize");
  return std::make_shared<Adam>(Adam{network, options.number("beta1"), options.number("beta2"),
                                     options.number("eps"), options.number("weightDecay")});
}

class AdamHandle : public Handle<AdamHandle, std::shared_ptr<Adam>> {
 public:
  static constexpr auto kName = "Adam";
  static constexpr napi_type_tag kTag = {0x7370757265746e73, 0x6164616d30303031};

  static void exportTo(Napi::Object exports) {
    exportClass(exports, {
                             method<&AdamHandle::step>("step(lr)"),
                             method<&AdamHandle::state>("state()"),
                             method<&AdamHandle::loadState>("loadState(state)"),
                         });
  }

  explicit AdamHandle(const Napi::CallbackInfo& info)
      : Handle(info, inWords(info.Env(), "new Adam(network, options)", [&] { return createAdam(info); })) {}

 private:
  Napi::Value step(const Napi::CallbackInfo& info) {
    return compute(info, [adam = held(info.Env()), lr = toNumber(info[0], "lr")] { return adam->step(lr); });
  }

  Napi::Value state(const Napi::CallbackInfo& info) {
    return compute(info, [adam = held(info.Env())] { return viewsOf(adam->state()); });
  }

  Napi::Value loadState(const Napi::CallbackInfo& info) {
    return compute(info, [adam = held(info.Env()), given = toNamedTensors(info[0], "state")] {
      const auto state = adam->state();
      const std::map<std::string, at::Tensor> byName(given.begin(), given.end());
      for (const auto& [name, target] : state) TORCH_CHECK(byName.count(name) > 0, name, " is missing");
      copyInto(state, given);
    });
  }
};

}  // namespace

void exportAdam(Napi::Object exports) { AdamHandle::exportTo(exports); }

}  // namespace spurmem
