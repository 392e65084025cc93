// Tests of the device itself, without the addon: build-device/check [WORD], which names one or some.
#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstdio>
#include <functional>
#include <stdexcept>
#include <thread>

#include "device.h"

using at::Tensor;
using testdevice::kType;

namespace {

const at::Device kDevice(kType, 0);

struct Test {
  std::string name;
  std::function<void()> run;
};
std::vector<Test> tests;

bool test(const std::string& name, std::function<void()> run) {
  tests.push_back({name, std::move(run)});
  return true;
}

void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("it does not hold that " + what);
}

std::string errorOf(const std::function<void()>& run) {
  try {
    run();
  } catch (const std::exception& error) {
    return error.what();
  }
  throw std::runtime_error("nothing was thrown");
}

uint64_t sum(const std::map<std::string, uint64_t>& counts) {
  uint64_t all = 0;
  for (const auto& [what, count] : counts) all += count;
  return all;
}

uint64_t hazards() { return sum(testdevice::report().hazards); }

// Reports that an action adds.
void hazardous(uint64_t expected, const std::function<void()>& run) {
  const auto before = hazards();
  run();
  const auto found = hazards() - before;
  std::string words = std::to_string(expected) + " hazards are seen, but " + std::to_string(found);
  for (const auto& [what, count] : testdevice::report().hazards) words += "; " + what;
  require(found == expected, words);
}

c10::impl::VirtualGuardImpl guard() { return c10::impl::VirtualGuardImpl(kType); }

Tensor drawn(at::IntArrayRef sizes, at::Device device = kDevice) {
  return (at::rand(sizes, at::detail::createCPUGenerator(5), at::kFloat) * 8).to(device);
}

// Made before the device is registered, perhaps.
const c10::Stream a(c10::Stream::UNSAFE, kDevice, 1), b(c10::Stream::UNSAFE, kDevice, 2);

// A tensor that stream a has made.
Tensor madeOnA() {
  const c10::StreamGuard onA(a);
  return drawn({4}).add_(1);
}

void after(const c10::Stream& first, const c10::Stream& second) {
  c10::Event event(kType);
  event.record(first);
  event.block(second);
}

// What operators compute is compared by the jobs of product.mjs.
const bool hasRefusals[] = {
    test("tensors of two devices are refused",
         [] {
           errorOf([] { drawn({3}) + drawn({3}, at::kCPU); });
           errorOf([] { at::mm(drawn({3, 3}), drawn({3, 3}, at::kCPU)); });
           errorOf([] { drawn({3}) + drawn({3}, at::Device(kType, 1)); });
         }),
    test("what CUDA has in no deterministic form is refused",
         [] {
           at::globalContext().setDeterministicAlgorithms(true, false);
           const auto error = errorOf([] { drawn({30}).kthvalue(3); });
           at::globalContext().setDeterministicAlgorithms(false, false);
           require(error.find("kthvalue") != std::string::npos, "the error names kthvalue: " + error);
         }),
};

const bool hasStreams[] = {
    test("stream: an event orders two streams",
         [] {
           hazardous(0, [] {
             const auto x = madeOnA();
             after(a, b);
             const c10::StreamGuard onB(b);
             x + 1;
             guard().recordDataPtrOnStream(x.storage().data_ptr(), b);
           });
         }),
    test("stream: a wait that is missing is seen",
         [] {
           hazardous(1, [] {
             const auto x = madeOnA();
             {
               const c10::StreamGuard onB(b);
               x + 1;
             }
             guard().synchronizeStream(b);
           });
         }),
    test("stream: a write to what another stream reads is seen",
         [] {
           hazardous(1, [] {
             const auto x = madeOnA();
             guard().synchronizeStream(a);
             {
               const c10::StreamGuard onA(a);
               x + 1;
             }
             const c10::StreamGuard onB(b);
             x.add_(1);
             guard().synchronizeStream(a);
             guard().synchronizeStream(b);
           });
         }),
    test("stream: memory that is freed while another stream uses it is seen",
         [] {
           hazardous(1, [] {
             const auto x = madeOnA();
             after(a, b);
             const c10::StreamGuard onB(b);
             x + 1;
           });
         }),
    test("stream: what one thread has waited for, another has not",
         [] {
           hazardous(1, [] {
             const auto x = madeOnA();
             std::thread([] { guard().synchronizeStream(a); }).join();
             const c10::StreamGuard onB(b);
             x + 1;
             guard().synchronizeStream(b);
           });
         }),
    test("stream: memory goes back to its own stream",
         [] {
           const auto addressOn = [](const c10::Stream& stream) {
             const c10::StreamGuard on(stream);
             return at::empty({100}, kDevice).data_ptr();
           };
           const auto* first = addressOn(a);
           require(addressOn(b) != first, "stream b gets other memory");
           require(addressOn(a) == first, "stream a gets the same");
         }),
    test("stream: waits are counted, with what came before",
         [] {
           testdevice::forgetReport();
           drawn({4}).sum().item<float>();
           const auto waits = testdevice::report().waits;
           require(waits.count("a value that the host asks for, after item") == 1, "item() is among them");
         }),
};

const bool hasPinned[] = {
    test("pinned: values are there after the wait, and a look before is a fault",
         [] {
           testdevice::forgetReport();
           const auto host = at::empty({4}, at::TensorOptions().pinned_memory(true));
           require(host.is_pinned() && !at::ones({4}).is_pinned(), "pinned memory is told from other");
           host.copy_(drawn({4}), /*non_blocking=*/true);
           const volatile float early = *host.const_data_ptr<float>();
           static_cast<void>(early);
           require(sum(testdevice::report().faults) == 1, "the look is a fault");
           guard().synchronizeStream(guard().getStream(kDevice));
           require(at::equal(host, drawn({4}, at::kCPU)), "the values are there");
           testdevice::forgetReport();
         }),
    test("pinned: a source that changes too early is seen",
         [] {
           hazardous(1, [] {
             auto host = at::ones({4}).pin_memory();
             const auto x = host.to(kDevice, /*non_blocking=*/true);
             *host.mutable_data_ptr<float>() = 7;
             guard().synchronizeStream(guard().getStream(kDevice));
           });
         }),
    test("pinned: memory that is freed waits for its copies",
         [] {
           hazardous(0, [] {
             auto x = at::ones({4}).pin_memory().to(kDevice, /*non_blocking=*/true);
             at::empty({4}, at::TensorOptions().pinned_memory(true)).copy_(x, /*non_blocking=*/true);
             guard().synchronizeStream(guard().getStream(kDevice));
           });
         }),
    test("fault: the host reads device memory, and the process goes on",
         [] {
           testdevice::forgetReport();
           const auto x = drawn({4});
           const volatile float first = *static_cast<const float*>(x.const_data_ptr());
           require(first == *static_cast<const float*>(testdevice::twinOf(x.const_data_ptr())),
                   "the value is right");
           require(sum(testdevice::report().faults) == 1, "one fault is counted");
           testdevice::forgetReport();
         }),
    test("memory: there is a limit, and the n-th allocation fails",
         [] {
           testdevice::setCapacity(testdevice::usedBytes(0) + (1 << 20));
           const auto error = errorOf([] { drawn({1 << 17}).add(1).add(1); });
           testdevice::setCapacity(size_t{8} << 30);
           require(error.find("out of memory") != std::string::npos, "the error says so: " + error);
           testdevice::failAllocation(2);
           const auto first = at::empty({4}, kDevice);
           try {
             at::empty({4}, kDevice);
             require(false, "the second one fails");
           } catch (const c10::OutOfMemoryError&) {
           }
           at::empty({4}, kDevice);
         }),
    test("loss: each call fails",
         [] {
           auto x = drawn({4});
           testdevice::loseDevice(2);
           x.add_(1);
           for (int i = 0; i < 2; ++i) errorOf([&] { x.add_(1); });
           errorOf([] { guard().synchronizeStream(guard().getStream(kDevice)); });
           testdevice::findDevice();
           x.add_(1);
         }),
};

}  // namespace

int main(int argc, char** argv) {
  at::globalContext().lazyInitDevice(kType);
  int failures = 0, passes = 0;
  for (const auto& [name, run] : tests) {
    if (argc > 1 && name.find(argv[1]) == std::string::npos) continue;
    try {
      run();
      ++passes;
    } catch (const c10::Error& error) {
      ++failures;
      std::printf("FAIL %s: %s\n", name.c_str(), error.what_without_backtrace());
    } catch (const std::exception& error) {
      ++failures;
      std::printf("FAIL %s: %s\n", name.c_str(), error.what());
    }
  }
  std::printf("%d passed, %d failed\n", passes, failures);
  return failures == 0 ? 0 : 1;
}
