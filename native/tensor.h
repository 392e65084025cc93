// The JavaScript Tensor: a handle on a libtorch tensor that JavaScript disposes, because the garbage
// collector cannot see the memory behind it.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <napi.h>

#include <string>

#include "device/streams.h"
#include "results.h"

namespace spurmem {

// The tensor behind a JavaScript Tensor; throws a TypeError for anything else, and for a disposed one.
at::Tensor toTensor(const Napi::Value& value, const std::string& name);

// A copy of a typed array, [its length], so that JavaScript may reuse it while a lane reads: of any of
// Tensor's dtypes, or of one.
at::Tensor fromTypedArray(const Napi::Value& value, const std::string& name);
at::Tensor fromTypedArray(const Napi::Value& value, at::ScalarType type, const std::string& name);
// A contiguous tensor on the CPU as the typed array of its dtype.
Napi::Value toTypedArray(Napi::Env env, const at::Tensor& tensor);

Napi::Value toJavaScript(Napi::Env env, const Values& values);
Napi::Value toJavaScript(Napi::Env env, const Number& number);

}  // namespace spurmem
