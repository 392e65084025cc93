// The JavaScript ProcessGroup.
#include "../exports.h"
#include "../handle.h"
#include "../jobs.h"
#include "processGroup.h"

namespace spurmem {

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
    exportClass(exports, {
                             method<&ProcessGroupHandle::sum>("sum(values)"),
                             method<&ProcessGroupHandle::copyFromFirst>("copyFromFirst(values)"),
                             method<&ProcessGroupHandle::gather>("gather(rows, offset, total)"),
                             method<&ProcessGroupHandle::missing>("missing()"),
                         });
  }

  explicit ProcessGroupHandle(const Napi::CallbackInfo& info) : Handle(info, made(info)) {}

 private:
  Napi::Value sum(const Napi::CallbackInfo& info) {
    return compute(info, [group = held(info.Env()), values = fromTypedArray(info[0], "values")] {
      group->sum(values);
      return Values{values};
    });
  }

  Napi::Value copyFromFirst(const Napi::CallbackInfo& info) {
    return compute(info, [group = held(info.Env()), values = fromTypedArray(info[0], "values")] {
      group->copyFromFirst(values);
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
