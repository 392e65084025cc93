// The counts: hazards, waits of the host, and faults, which the host survives so that all of a run is
// seen.
#include <signal.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdlib>

#include "state.h"

namespace testdevice {

namespace {

thread_local const char* operatorAtWork = "nothing";

struct Fault {
  const char *what, *after;
};

// A handler of signals may not allocate.
constexpr size_t kMostFaults = 256;
std::array<Fault, kMostFaults> faults;
std::atomic<size_t> faultCount{0};
struct sigaction before;

void onFault(int signal, siginfo_t* info, void* context) {
  auto* page = reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(info->si_addr) / kPage * kPage);
  const bool isOfDevice = isDeviceAddress(info->si_addr);
  if (isOfDevice || entryAt(state().pinned, info->si_addr) != nullptr) {
    const auto place = faultCount++;
    if (place < kMostFaults) {
      faults[place] = {isOfDevice ? "the host touches device memory"
                                  : "the host touches pinned memory that a stream still writes",
                       operatorAtWork};
    }
    mprotect(page, kPage, PROT_READ | PROT_WRITE);
    return;
  }
  // V8's, which knows what WebAssembly may touch.
  if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr) {
    before.sa_sigaction(signal, info, context);
  } else {
    sigaction(signal, &before, nullptr);
  }
}

}  // namespace

void watchFaults() {
  struct sigaction action {};
  action.sa_sigaction = onFault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, &before);
}

Report report() {
  auto& all = state();
  const std::lock_guard lock(all.mutex);
  auto copy = all.report;
  for (size_t i = 0; i < std::min(faultCount.load(), kMostFaults); ++i) {
    ++copy.faults[std::string(faults[i].what) + ", after " + faults[i].after];
  }
  return copy;
}

void forgetReport() {
  auto& all = state();
  const std::lock_guard lock(all.mutex);
  all.report = {};
  faultCount = 0;
}

void noteWait(const char* why) {
  auto& all = state();
  const std::lock_guard lock(all.mutex);
  ++all.report.waits[std::string(why) + ", after " + operatorAtWork];
}

void noteOperator(const char* name) { operatorAtWork = name; }

}  // namespace testdevice
