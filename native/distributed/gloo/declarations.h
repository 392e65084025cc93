// The names of Gloo in libtorch's ProcessGroupGloo.hpp. A wheel of PyTorch has Gloo within libtorch_cpu.so
// and not its headers. libtorch's own class holds all of these by pointers, so that no layout is needed and
// any version of Gloo fits: nothing here is constructed, and nothing but ProcessGroupGloo itself is called.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace gloo {

class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};

namespace rendezvous {

class Store {
 public:
  virtual ~Store();
  virtual void set(const std::string& key, const std::vector<char>& value) = 0;
  virtual std::vector<char> get(const std::string& key) = 0;
  virtual void wait(const std::vector<std::string>& keys) = 0;
  virtual void wait(const std::vector<std::string>& keys, const std::chrono::milliseconds& timeout) = 0;
};

}  // namespace rendezvous

namespace transport {

class Device;
class UnboundBuffer;

}  // namespace transport

}  // namespace gloo
