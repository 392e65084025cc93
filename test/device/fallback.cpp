// Every operator without a kernel of its own runs the CPU's on the device's memory. libtorch's own fallback
// would copy to the CPU and back, which loses what an operator writes into its arguments, and takes tensors
// of different devices.
#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include <set>
#include <string>

#include "device.h"

namespace testdevice {

namespace {

using c10::IValue;

// With torch.use_deterministic_algorithms, CUDA refuses these.
const std::set<std::string> kNotDeterministic{"aten::kthvalue",
                                              "aten::put_",
                                              "aten::histc",
                                              "aten::bincount",
                                              "aten::median",
                                              "aten::cumsum",
                                              "aten::_adaptive_avg_pool2d_backward",
                                              "aten::upsample_bilinear2d_backward",
                                              "aten::_upsample_bilinear2d_aa_backward",
                                              "aten::reflection_pad2d_backward",
                                              "aten::max_unpool2d",
                                              "aten::grid_sampler_2d_backward",
                                              "aten::nll_loss2d_forward"};

// The host waits for what these count, to know how large their result is.
const std::set<std::string> kSizedByValues{"aten::nonzero",  "aten::masked_select",
                                           "aten::_unique2", "aten::unique_dim",
                                           "aten::bincount", "aten::repeat_interleave"};

// Arguments that are written though the schema says nothing of it.
bool writesInSecret(const c10::FunctionSchema& schema, const c10::Argument& argument) {
  return argument.name().rfind("running_", 0) == 0 && schema.name().find("batch_norm") != std::string::npos &&
         schema.name().find("backward") == std::string::npos;
}

// One call of an operator: its arguments become twins, and its results tensors of the device.
class Call {
 public:
  Call(const c10::OperatorHandle& operation, torch::jit::Stack& stack)
      : operation_(operation), schema_(operation.schema()), name_(schema_.name().c_str()), stack_(stack) {}

  void run() {
    takeArguments();
    const auto device = device_.value_or(c10::Device(kType, currentDevice()));
    if (kNotDeterministic.count(name_) > 0) at::globalContext().alertNotDeterministic(name_);
    launchOn(device, touched_, name_);
    if (waitsForSize_ || kSizedByValues.count(name_) > 0) {
      synchronizeStream(currentStream(device.index()), "the size of a result");
    }
    operation_.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), &stack_);
    twins_.followResizes(device);
    giveResults(device);
  }

 private:
  void takeArguments() {
    const auto& arguments = schema_.arguments();
    auto value = stack_.end() - static_cast<int64_t>(arguments.size());
    for (const auto& argument : arguments) {
      const auto* alias = argument.alias_info();
      isWritten_ = (alias != nullptr && alias->isWrite()) || writesInSecret(schema_, argument);
      take(*value++);
    }
  }

  void take(IValue& value) {
    if (value.isTensor()) {
      const auto tensor = value.toTensor();
      value = twinOf(tensor, tensor.defined() && tensor.dim() == 0);
    } else if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const auto& one : value.toTensorVector()) list.push_back(twinOf(one, false));
      value = list;
    } else if (value.isOptionalTensorList()) {
      c10::List<std::optional<at::Tensor>> list;
      for (const std::optional<at::Tensor> one : value.toOptionalTensorList()) {
        // A mask is made numbers of places.
        waitsForSize_ =
            waitsForSize_ || (one && (one->scalar_type() == at::kBool || one->scalar_type() == at::kByte));
        list.push_back(one ? std::optional(twinOf(*one, true)) : one);
      }
      value = list;
    } else if (value.isDevice() && value.toDevice().type() == kType) {
      device_ = deviceOr(value.toDevice());
      value = c10::Device(c10::kCPU);
    }
  }

  // A GPU's kernels take numbers from the host, and an index's places.
  at::Tensor twinOf(const at::Tensor& tensor, bool mayBeHosts) {
    if (!tensor.defined()) return tensor;
    if (!isOurs(tensor)) {
      TORCH_CHECK(mayBeHosts, name_, ": expected all tensors on one device, but one of ", tensor.sizes(),
                  " is on ", tensor.device());
      return tensor;
    }
    TORCH_CHECK(!device_ || *device_ == tensor.device(), name_,
                ": expected all tensors on one device, but found ", *device_, " and ", tensor.device());
    device_ = tensor.device();
    if (tensor.storage().data() != nullptr) touched_.push_back({tensor.storage().data(), isWritten_});
    return twins_.of(tensor);
  }

  void giveResults(c10::Device device) {
    std::vector<Access> made;
    for (auto value = stack_.end() - static_cast<int64_t>(schema_.returns().size()); value != stack_.end();
         ++value) {
      if (value->isTensor()) {
        *value = twins_.back(value->toTensor(), device, made);
      } else if (value->isTensorList()) {
        c10::List<at::Tensor> list;
        for (const auto& one : value->toTensorVector()) list.push_back(twins_.back(one, device, made));
        *value = list;
      }
    }
    if (!made.empty()) launchOn(device, made, name_);
  }

  const c10::OperatorHandle& operation_;
  const c10::FunctionSchema& schema_;
  const char* name_;
  torch::jit::Stack& stack_;
  Twins twins_;
  std::vector<Access> touched_;
  std::optional<c10::Device> device_;
  bool isWritten_ = false, waitsForSize_ = false;
};

void runOnTwins(const c10::OperatorHandle& operation, torch::jit::Stack* stack) {
  Call(operation, *stack).run();
}

// A convolution's algorithm is chosen by the device, and the mean of a loss by another kernel, which warns.
const std::set<std::string> kChosenByDevice{"aten::convolution", "aten::convolution_backward",
                                            "aten::mse_loss"};

// Operators that have a kernel of the CPU's and one for all other devices: that would be taken, and compute
// otherwise.
void takeTheCpusKernels() {
  using Key = c10::DispatchKey;
  static auto* kept = new std::vector<c10::RegistrationHandleRAII>;
  auto& dispatcher = c10::Dispatcher::singleton();
  for (const auto& name : dispatcher.getAllOpNames()) {
    const auto found = dispatcher.findOp(name);
    if (!found || !found->hasSchema() || found->hasKernelForDispatchKey(kKey)) continue;
    const bool isChosen = name.overload_name.empty() && kChosenByDevice.count(name.name) > 0;
    const bool isBoth = found->hasKernelForDispatchKey(Key::CPU) &&
                        found->hasKernelForDispatchKey(Key::CompositeExplicitAutograd);
    if (!isBoth && !isChosen) continue;
    kept->push_back(dispatcher.registerImpl(name, kKey,
                                            c10::KernelFunction::makeFromBoxedFunction<&runOnTwins>(),
                                            std::nullopt, nullptr, "test device"));
  }
}

}  // namespace

TORCH_LIBRARY_IMPL(_, TEST_DEVICE_KEY, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&runOnTwins>());
}

void registerTheCpusKernels() { takeTheCpusKernels(); }

}  // namespace testdevice
