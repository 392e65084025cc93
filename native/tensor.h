// The JavaScript Tensor: a handle on a libtorch tensor that JavaScript disposes, because the garbage
// collector cannot see the memory behind it.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <napi.h>

#include <string>
#include <vector>

namespace spurmem {

// The tensor behind a JavaScript Tensor; throws a TypeError for anything else, and for a disposed one.
at::Tensor toTensor(const Napi::Value& value, const std::string& name);
// A new JavaScript Tensor.
Napi::Value toJavaScript(Napi::Env env, at::Tensor& tensor);
Napi::Value toJavaScript(Napi::Env env, std::vector<at::Tensor>& tensors);

// A copy of a typed array, [its length].
at::Tensor fromTypedArray(const Napi::Value& value, const std::string& name);
// A contiguous tensor on the CPU as the typed array of its dtype.
Napi::Value toTypedArray(Napi::Env env, const at::Tensor& tensor);

// What a job gives back to become a typed array.
struct Values {
  at::Tensor tensor;
};
Napi::Value toJavaScript(Napi::Env env, Values& values);

}  // namespace spurmem
