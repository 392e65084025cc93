// Streams and events by vector clocks: each kernel knows which kernels of other streams are over when it
// begins, and whoever wrote or read its memory must be among them. The host's threads have clocks of their
// own: what one has waited for orders what that one launches.
#include <algorithm>

#include "state.h"

namespace testdevice {

namespace {

std::string words(const char* name, int stream) {
  return std::string(name) + " on stream " + std::to_string(stream);
}

// The next moment of a stream, which comes after all that the calling thread has waited for.
uint64_t tick(State& all, int stream) {
  join(all.clocks[stream], hostClock());
  return ++all.clocks[stream][stream];
}

void countLaunch(State& all, int device) {
  all.requireDevice();
  ++all.report.launches[device];
  if (all.launchesLeft == 0 || --all.launchesLeft > 0) return;
  all.isLost = true;
  throw DeviceLost();
}

void check(State& all, const Block& block, int stream, bool writes, const char* name) {
  const auto& known = all.clocks[stream];
  if (block.isFree) all.hazard(words(name, stream) + " touches memory that is free");
  if (block.stream / kStreamsEach != stream / kStreamsEach) {
    all.hazard(words(name, stream) + " touches memory of another device");
  }
  if (block.writer >= 0 && block.written > known[block.writer]) {
    all.hazard(words(name, stream) + (writes ? " writes" : " reads") + " what " +
               words(block.writtenBy.c_str(), block.writer) + " writes, without waiting for it");
  }
  for (int other = 0; writes && other < kStreams; ++other) {
    if (other == stream || block.read[other] <= known[other]) continue;
    all.hazard(words(name, stream) + " writes what stream " + std::to_string(other) +
               " reads, without waiting for it");
  }
}

void learn(State& all, const Clock& clock) {
  join(hostClock(), clock);
  join(all.seen, clock);
  arrive(all);
}

}  // namespace

void join(Clock& clock, const Clock& other) {
  for (int i = 0; i < kStreams; ++i) clock[i] = std::max(clock[i], other[i]);
}

Clock& hostClock() {
  thread_local Clock clock{};
  return clock;
}

void launch(int stream, const std::vector<Access>& touched, const char* name) {
  auto& all = state();
  const std::lock_guard lock(all.mutex);
  countLaunch(all, stream / kStreamsEach);
  const auto time = tick(all, stream);
  for (const auto& [data, writes] : touched) {
    if (const auto* block = entryAt(all.blocks, data)) check(all, *block, stream, writes, name);
  }
  for (const auto& [data, writes] : touched) {
    auto* block = entryAt(all.blocks, data);
    if (block == nullptr) continue;
    if (!writes) {
      block->read[stream] = time;
      continue;
    }
    block->writer = stream;
    block->written = time;
    block->writtenBy = name;
  }
}

void record(Event& event, int stream) {
  auto& all = state();
  const std::lock_guard lock(all.mutex);
  all.requireDevice();
  tick(all, stream);
  event = {all.clocks[stream]};
}

void block(const Event& event, int stream) {
  auto& all = state();
  const std::lock_guard lock(all.mutex);
  all.requireDevice();
  join(all.clocks[stream], event.clock);
}

void synchronize(const Event& event, const char* why) {
  noteWait(why);
  auto& all = state();
  const std::lock_guard lock(all.mutex);
  if (all.waitsLeft > 0 && --all.waitsLeft == 0) all.isLost = true;
  all.requireDevice();
  learn(all, event.clock);
}

void synchronizeStream(int stream, const char* why) {
  Event event;
  record(event, stream);
  synchronize(event, why);
}

void loseDevice(uint64_t launches) {
  state().isLost = launches == 0;
  state().launchesLeft = launches;
}

void loseDeviceAtWait(uint64_t number) { state().waitsLeft = number; }

void findDevice() {
  auto& all = state();
  all.isLost = false;
  all.allocationsLeft = all.launchesLeft = all.waitsLeft = 0;
}

}  // namespace testdevice
