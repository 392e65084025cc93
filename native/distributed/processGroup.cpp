#include "processGroup.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <string>
#include <thread>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../device/accelerator.h"
#include "../exports.h"
#include "../handle.h"
#include "../jobs.h"
#include "../nn/network.h"

// Without it the header is empty. The Gloo that it includes is declared in gloo/ of this folder.
#ifndef USE_C10D_GLOO
#define USE_C10D_GLOO
#endif
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

namespace spurmem {

namespace {

// torch.distributed's default.
constexpr std::chrono::minutes kTimeout{30};
// How long the remaining processes wait for one another, to find the missing ones.
constexpr std::chrono::seconds kPatience{5};
// DistributedDataParallel's.
constexpr size_t kFirstBucketBytes = 1024 * 1024, kBucketBytes = 25 * 1024 * 1024;

std::vector<uint8_t> bytesOf(const std::string& text) { return {text.begin(), text.end()}; }

std::string presenceOf(int64_t rank) { return "present/" + std::to_string(rank); }

c10::intrusive_ptr<c10d::Store> meet(const Rendezvous& place) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(place.port);
  options.isServer = place.hostsStore;
  options.numWorkers = static_cast<size_t>(place.size);
  options.waitWorkers = false;
  options.timeout = kTimeout;
  options.useLibUV = false;
  return c10::make_intrusive<c10d::PrefixStore>(place.prefix,
                                                c10::make_intrusive<c10d::TCPStore>(place.host, options));
}

template <class Reducer, class... Others>
constexpr bool kTakes =
    std::is_constructible_v<Reducer, std::vector<at::Tensor>, std::vector<std::vector<size_t>>, Others...>;

// Its constructor changed in libtorch 2.8 and 2.11. A template, so that the constructors that this libtorch
// lacks are not compiled.
template <class Reducer, class Group, class Names>
std::shared_ptr<Reducer> makeReducer(const std::vector<at::Tensor>& parameters,
                                     const std::vector<std::vector<size_t>>& buckets,
                                     [[maybe_unused]] const std::vector<size_t>& limits, const Group& group,
                                     const std::vector<bool>& isSparse, const Names& names) {
  using Flags = std::vector<bool>;
  using Caps = std::vector<int64_t>;
  constexpr bool kFindsUnused = false, kGradientIsView = false, kSkipsUnused = false, kIsPython = false;
  const auto make = [&](const auto&... more) {
    return std::make_shared<Reducer>(parameters, buckets, group, isSparse, kBucketBytes, kFindsUnused,
                                     kGradientIsView, names, kFirstBucketBytes, more...);
  };
  if constexpr (kTakes<Reducer, Group, Flags, int64_t, bool, bool, Names, int64_t, bool, bool, Caps>) {
    return make(kSkipsUnused, kIsPython, Caps{});
  } else if constexpr (kTakes<Reducer, Group, Flags, int64_t, bool, bool, Names, int64_t, bool, bool>) {
    return make(kSkipsUnused, kIsPython);
  } else if constexpr (kTakes<Reducer, Group, Flags, int64_t, bool, bool, Names, int64_t>) {
    return make();
  } else {
    return std::make_shared<Reducer>(parameters, buckets, limits, group, isSparse, kBucketBytes, kFindsUnused,
                                     kGradientIsView, names, kFirstBucketBytes);
  }
}

}  // namespace

std::shared_ptr<ProcessGroup> ProcessGroup::join(const Rendezvous& place) {
  const int rank = static_cast<int>(place.rank), size = static_cast<int>(place.size);
  auto joined = std::make_shared<ProcessGroup>();
  joined->store_ = meet(place);
  joined->group_ = c10::make_intrusive<c10d::ProcessGroup>(joined->store_, rank, size);
  const auto options = c10d::ProcessGroupGloo::Options::create(kTimeout);
  options->devices.push_back(c10d::ProcessGroupGloo::createDefaultDevice());
  const auto gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(
      c10::make_intrusive<c10d::PrefixStore>("gloo", joined->store_), rank, size, options);
  joined->group_->setBackend(at::kCPU, c10d::ProcessGroup::BackendType::GLOO, gloo);
  const auto relay = throughHost(gloo);
  for (const auto& accelerator : accelerators()) {
    joined->group_->setBackend(accelerator.type, c10d::ProcessGroup::BackendType::CUSTOM, relay);
  }
  joined->group_->setDefaultBackend(c10d::ProcessGroup::BackendType::GLOO);
  return joined;
}

void ProcessGroup::sum(at::Tensor tensor) const {
  std::vector<at::Tensor> tensors{std::move(tensor)};
  group_->allreduce(tensors)->wait();
}

void ProcessGroup::copyFromFirst(at::Tensor tensor) const {
  std::vector<at::Tensor> tensors{std::move(tensor)};
  group_->broadcast(tensors)->wait();
}

std::vector<int64_t> ProcessGroup::missing() const {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::vector<int64_t> missing;
  try {
    store_->set(presenceOf(group_->getRank()), bytesOf("yes"));
    for (int64_t rank = 0; rank < group_->getSize(); ++rank) {
      bool isThere = store_->check({presenceOf(rank)});
      while (!isThere && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        isThere = store_->check({presenceOf(rank)});
      }
      if (!isThere) missing.push_back(rank);
    }
    // The store ends with its process, which therefore waits until the others have asked.
    if (group_->getRank() == 0) std::this_thread::sleep_until(deadline);
  } catch (const std::exception&) {
    // The store has ended with its process, rank 0.
    return {0};
  }
  return missing;
}

std::shared_ptr<Distribution> distribute(const Network& network, std::shared_ptr<ProcessGroup> group,
                                         bool synchronizesNorms) {
  std::vector<at::Tensor> parameters;
  std::unordered_map<size_t, std::string> names;
  for (const auto& parameter : network.parameters) {
    // The Reducer would wait for its gradient.
    if (!network.isUsed(parameter)) continue;
    names[parameters.size()] = parameter.name;
    parameters.push_back(parameter.value);
  }
  const std::vector<bool> isSparse(parameters.size(), false);
  auto [buckets, limits] =
      c10d::compute_bucket_assignment_by_size(parameters, {kFirstBucketBytes, kBucketBytes}, isSparse);
  // A backward pass reaches the last layers first.
  std::reverse(buckets.begin(), buckets.end());
  std::reverse(limits.begin(), limits.end());
  auto reducer = makeReducer<c10d::Reducer>(parameters, buckets, limits, group->group(), isSparse, names);
  return std::make_shared<Distribution>(
      Distribution{std::move(group), synchronizesNorms, std::move(reducer)});
}

void Distribution::prepare() const {
  reducer->rebuild_buckets();
  reducer->prepare_for_backward({});
}

// The JavaScript ProcessGroup.
Napi::Value toJavaScript(Napi::Env env, const std::shared_ptr<ProcessGroup>& group);

namespace {

Rendezvous toRendezvous(const Napi::Value& value) {
  const Fields given(value, "rendezvous");
  return {given.text("host"),    given.integer("port"),    given.integer("rank"),
          given.integer("size"), given.flag("hostsStore"), given.text("prefix")};
}

class ProcessGroupHandle : public Handle<ProcessGroupHandle, std::shared_ptr<ProcessGroup>> {
 public:
  static constexpr auto kName = "ProcessGroup";
  static constexpr napi_type_tag kTag = {0x7370757265746e73, 0x67726f7570303031};

  static void exportTo(Napi::Object exports) {
    exportClass(
        exports,
        {
            method<&ProcessGroupHandle::collect<&ProcessGroup::sum>>("sum(values)"),
            method<&ProcessGroupHandle::collect<&ProcessGroup::copyFromFirst>>("copyFromFirst(values)"),
            method<&ProcessGroupHandle::gather>("gather(rows, offset, total)"),
            method<&ProcessGroupHandle::missing>("missing()"),
        });
  }

  explicit ProcessGroupHandle(const Napi::CallbackInfo& info) : Handle(info, made(info)) {}

 private:
  template <void (ProcessGroup::*collective)(at::Tensor) const>
  Napi::Value collect(const Napi::CallbackInfo& info) {
    return compute(info, [group = held(info.Env()), values = fromTypedArray(info[0], "values")] {
      (*group.*collective)(values);
      return Values{values};
    });
  }

  Napi::Value gather(const Napi::CallbackInfo& info) {
    return compute(info, [group = held(info.Env()), rows = toTensor(info[0], "rows"),
                          offset = toInteger(info[1], "offset"), total = toInteger(info[2], "total")] {
      return spurmem::gather(rows, offset, total, *group);
    });
  }

  Napi::Value missing(const Napi::CallbackInfo& info) {
    return compute(info, [group = held(info.Env())] {
      return Values{at::tensor(group->missing(), at::kLong).to(at::kInt)};
    });
  }
};

Napi::Value joinProcessGroup(const Napi::CallbackInfo& info) {
  return compute(info, [place = toRendezvous(info[0])] { return ProcessGroup::join(place); });
}

}  // namespace

void exportProcessGroups(Napi::Object exports) {
  ProcessGroupHandle::exportTo(exports);
  exportFunction<joinProcessGroup>(exports, "joinProcessGroup(rendezvous)");
}

std::shared_ptr<ProcessGroup> toProcessGroup(const Napi::Value& value, const std::string& name) {
  return ProcessGroupHandle::unwrap(value, name);
}

Napi::Value toJavaScript(Napi::Env env, const std::shared_ptr<ProcessGroup>& group) {
  return ProcessGroupHandle::wrap(env, group);
}

}  // namespace spurmem
