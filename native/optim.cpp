#include "optim.h"

#include <array>

#include "arguments.h"
#include "engine.h"
#include "model.h"
#include "tensor.h"

namespace spurmem {

namespace {

// The fused step makes a contiguous copy of each gradient that is not, and then goes through memory anyway:
// seen as rows of channels, what is channels_last is contiguous.
void inOrderOfMemory(std::array<at::Tensor, 4>& tensors) {
  for (const auto& tensor : tensors) {
    if (tensor.dim() != 4 || !tensor.is_contiguous(at::MemoryFormat::ChannelsLast)) return;
  }
  for (auto& tensor : tensors) tensor = tensor.permute({0, 2, 3, 1});
}

}  // namespace

struct AdamHandle::Adam {
  std::shared_ptr<Network> network;
  double beta1, beta2, eps, weightDecay;
  std::vector<at::Tensor> firstMoments, secondMoments, steps;

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

  void step(double lr) {
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
    at::_fused_adam_(parameters, gradients, first, second, /*max_exp_avg_sqs=*/{}, counts, lr, beta1, beta2,
                     weightDecay, eps, /*amsgrad=*/false, /*maximize=*/false);
    // The fused step does not count as a change; evaluation keeps weights that it derives until one.
    for (const auto& value : parameters) value.unsafeGetTensorImpl()->bump_version();
  }
};

Napi::Function AdamHandle::define(Napi::Env env) {
  return DefineClass(env, "Adam",
                     {
                         InstanceMethod<&AdamHandle::step>("step"),
                         InstanceMethod<&AdamHandle::state>("state"),
                         InstanceMethod<&AdamHandle::loadState>("loadState"),
                     });
}

// new Adam(model, {beta1, beta2, eps, weightDecay})
AdamHandle::AdamHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<AdamHandle>(info) {
  const auto options = toObject(info[1], "options");
  auto adam = std::make_shared<Adam>();
  adam->network = ModelHandle::unwrap(info[0], "model");
  adam->beta1 = toNumber(options.Get("beta1"), "beta1");
  adam->beta2 = toNumber(options.Get("beta2"), "beta2");
  adam->eps = toNumber(options.Get("eps"), "eps");
  adam->weightDecay = toNumber(options.Get("weightDecay"), "weightDecay");
  adam_ = std::move(adam);
}

Napi::Value AdamHandle::step(const Napi::CallbackInfo& info) {
  return submitVoid(info.Env(), LaneName::compute,
                    [adam = adam_, lr = toNumber(info[0], "lr")] { adam->step(lr); });
}

// Copies of the moments and step counts, by PyTorch's state names: exp_avg.<parameter>,
// exp_avg_sq.<parameter>, step.<parameter>.
Napi::Value AdamHandle::state(const Napi::CallbackInfo& info) {
  return submit(
      info.Env(), LaneName::compute,
      [adam = adam_] {
        adam->prepare();
        NamedTensors state;
        const auto& parameters = adam->network->parameters;
        for (size_t i = 0; i < parameters.size(); ++i) {
          const auto& name = parameters[i].name;
          state.emplace_back("exp_avg." + name, copyForSaving(adam->firstMoments[i]));
          state.emplace_back("exp_avg_sq." + name, copyForSaving(adam->secondMoments[i]));
          state.emplace_back("step." + name, copyForSaving(adam->steps[i]));
        }
        return state;
      },
      wrapNamed);
}

Napi::Value AdamHandle::loadState(const Napi::CallbackInfo& info) {
  return submitVoid(info.Env(), LaneName::compute,
                    [adam = adam_, state = unwrapNamed(toObject(info[0], "state"))] {
                      adam->prepare();
                      const auto& parameters = adam->network->parameters;
                      for (size_t i = 0; i < parameters.size(); ++i) {
                        const auto& name = parameters[i].name;
                        copyNamed(state, "exp_avg." + name, adam->firstMoments[i]);
                        copyNamed(state, "exp_avg_sq." + name, adam->secondMoments[i]);
                        copyNamed(state, "step." + name, adam->steps[i]);
                      }
                    });
}

}  // namespace spurmem
