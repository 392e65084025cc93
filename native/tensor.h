// The JavaScript Tensor: a handle on a libtorch tensor that JavaScript disposes, because the garbage
// collector cannot see the memory behind it.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <napi.h>

namespace spurmem {

class TensorHandle : public Napi::ObjectWrap<TensorHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Value wrap(Napi::Env env, at::Tensor tensor);
  // The tensor behind a JavaScript Tensor; throws a TypeError for anything else, and for a disposed one.
  static at::Tensor unwrap(const Napi::Value& value, const std::string& name);
  static int64_t liveCount();

  explicit TensorHandle(const Napi::CallbackInfo& info);
  ~TensorHandle() override;

 private:
  const at::Tensor& alive(Napi::Env env) const;
  void release(Napi::Env env);

  Napi::Value shape(const Napi::CallbackInfo& info);
  Napi::Value dtype(const Napi::CallbackInfo& info);
  Napi::Value device(const Napi::CallbackInfo& info);
  Napi::Value disposed(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);
  Napi::Value item(const Napi::CallbackInfo& info);
  Napi::Value data(const Napi::CallbackInfo& info);
  Napi::Value argmax(const Napi::CallbackInfo& info);
  Napi::Value softmax(const Napi::CallbackInfo& info);
  Napi::Value backward(const Napi::CallbackInfo& info);
  Napi::Value channelsLast(const Napi::CallbackInfo& info);

  at::Tensor tensor_;
  int64_t externalBytes_ = 0;
};

// tensor(data, shape, device): a Tensor with a copy of a typed array.
Napi::Value createTensor(const Napi::CallbackInfo& info);

}  // namespace spurmem
