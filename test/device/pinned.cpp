// Pinned memory of the host, and the copies between it and the streams that are under way.
#include <sys/mman.h>

#include <cstring>
#include <stdexcept>
#include <string_view>

#include "state.h"

namespace testdevice {

namespace {

size_t hashOf(const char* data, size_t size) { return std::hash<std::string_view>()({data, size}); }

void protect(const Pinned& pinned) {
  mprotect(pinned.base, pinned.size, pinned.arriving > 0 ? PROT_NONE : PROT_READ | PROT_WRITE);
}

void unmapUnused(State& all, const Pinned& pinned) {
  if (!pinned.isReleased || pinned.arriving + pinned.leaving > 0) return;
  auto* base = pinned.base;
  munmap(base, pinned.size);
  all.pinned.erase(base);
}

// The stream has come to the copy.
void finish(State& all, const Copy& copy) {
  auto& pinned = *entryAt(all.pinned, copy.host);
  if (copy.isArrival) {
    const auto others = --pinned.arriving;
    pinned.arriving = 0;
    protect(pinned);
    std::memcpy(copy.host, copy.bytes.data(), copy.size);
    pinned.arriving = others;
    protect(pinned);
  } else {
    --pinned.leaving;
    if (hashOf(copy.host, copy.size) != copy.hash) {
      all.hazard("the host has changed pinned memory before the stream had read it");
    }
  }
  unmapUnused(all, pinned);
}

}  // namespace

void arrive(State& all) {
  for (auto copy = all.copies.begin(); copy != all.copies.end();) {
    if (copy->time > all.seen[copy->stream]) {
      ++copy;
      continue;
    }
    finish(all, *copy);
    copy = all.copies.erase(copy);
  }
}

void* allocatePinned(size_t bytes) {
  auto& all = state();
  const std::lock_guard lock(all.mutex);
  all.requireDevice();
  const auto size = wholePages(bytes);
  void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) throw std::runtime_error("no pinned memory is left");
  auto* base = static_cast<char*>(data);
  all.pinned[base] = Pinned{base, size};
  return data;
}

void releasePinned(void* data) {
  auto& all = state();
  const std::lock_guard lock(all.mutex);
  auto& pinned = all.pinned.at(static_cast<char*>(data));
  pinned.isReleased = true;
  unmapUnused(all, pinned);
}

bool isPinned(const void* data) {
  auto& all = state();
  const std::lock_guard lock(all.mutex);
  return entryAt(all.pinned, data) != nullptr;
}

void sendToPinned(int stream, void* host, std::vector<char> bytes) {
  auto& all = state();
  const std::lock_guard lock(all.mutex);
  auto& pinned = *entryAt(all.pinned, host);
  ++pinned.arriving;
  protect(pinned);
  const auto size = bytes.size();
  const auto time = all.clocks[stream][stream];
  all.copies.push_back({stream, time, static_cast<char*>(host), size, true, std::move(bytes)});
}

void readFromHost(int stream, const void* data, size_t size) {
  auto& all = state();
  const std::lock_guard lock(all.mutex);
  auto* host = static_cast<char*>(const_cast<void*>(data));
  for (auto copy = all.copies.begin(); copy != all.copies.end();) {
    const bool overlaps = copy->isArrival && copy->host < host + size && host < copy->host + copy->size;
    if (!overlaps) {
      ++copy;
      continue;
    }
    if (copy->time > all.clocks[stream][copy->stream]) {
      all.hazard("a copy reads pinned memory that another stream still writes");
    }
    finish(all, *copy);
    copy = all.copies.erase(copy);
  }
  auto* pinned = entryAt(all.pinned, data);
  if (pinned == nullptr) return;
  ++pinned->leaving;
  // The kernel that follows is the one that reads.
  const auto time = all.clocks[stream][stream] + 1;
  all.copies.push_back({stream, time, host, size, false, {}, hashOf(host, size)});
}

}  // namespace testdevice
