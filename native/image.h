// The image store's reader: decoded pixels in a memory-mapped file, turned into batches on the data lane.
#pragma once

#include <ATen/ATen.h>
#include <napi.h>

#include <memory>
#include <vector>

namespace spurmem {

class ImageStoreHandle : public Napi::ObjectWrap<ImageStoreHandle> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit ImageStoreHandle(const Napi::CallbackInfo& info);

 private:
  Napi::Value batch(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  struct Pixels;
  std::shared_ptr<const Pixels> pixels_;
};

}  // namespace spurmem
