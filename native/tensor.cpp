#include "tensor.h"

#include <atomic>
#include <cstring>

#include "arguments.h"
#include "engine.h"

namespace spurmem {

namespace {

std::atomic<int64_t> liveHandles{0};

constexpr napi_type_tag kTensorTag = {0x7370757265746e73, 0x74656e736f723031};

at::ScalarType scalarTypeOf(const Napi::TypedArray& array) {
  switch (array.TypedArrayType()) {
    case napi_float32_array:
      return at::kFloat;
    case napi_float64_array:
      return at::kDouble;
    case napi_int32_array:
      return at::kInt;
    case napi_bigint64_array:
      return at::kLong;
    case napi_uint8_array:
      return at::kByte;
    default:
      throw Napi::TypeError::New(array.Env(),
                                 "Expected a Float32Array, Float64Array, Int32Array, BigInt64Array or "
                                 "Uint8Array for data but received another typed array");
  }
}

template <class Array>
Napi::Value copyOut(Napi::Env env, const at::Tensor& tensor) {
  auto array = Array::New(env, tensor.numel());
  std::memcpy(array.Data(), tensor.const_data_ptr(), tensor.nbytes());
  return array;
}

Napi::Value toTypedArray(Napi::Env env, const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kDouble:
      return copyOut<Napi::Float64Array>(env, tensor);
    case at::kInt:
      return copyOut<Napi::Int32Array>(env, tensor);
    case at::kLong:
      return copyOut<Napi::BigInt64Array>(env, tensor);
    case at::kByte:
      return copyOut<Napi::Uint8Array>(env, tensor);
    default:
      return copyOut<Napi::Float32Array>(env, tensor);
  }
}

}  // namespace

Napi::Function TensorHandle::define(Napi::Env env) {
  return DefineClass(env, "Tensor",
                     {
                         InstanceAccessor<&TensorHandle::shape>("shape"),
                         InstanceAccessor<&TensorHandle::dtype>("dtype"),
                         InstanceAccessor<&TensorHandle::device>("device"),
                         InstanceAccessor<&TensorHandle::disposed>("disposed"),
                         InstanceMethod<&TensorHandle::dispose>("dispose"),
                         InstanceMethod<&TensorHandle::item>("item"),
                         InstanceMethod<&TensorHandle::data>("data"),
                         InstanceMethod<&TensorHandle::argmax>("argmax"),
                         InstanceMethod<&TensorHandle::softmax>("softmax"),
                         InstanceMethod<&TensorHandle::backward>("backward"),
                         InstanceMethod<&TensorHandle::channelsLast>("channelsLast"),
                     });
}

Napi::Value TensorHandle::wrap(Napi::Env env, at::Tensor tensor) {
  return Environment::of(env).tensorClass.New({Napi::External<at::Tensor>::New(env, &tensor)});
}

at::Tensor TensorHandle::unwrap(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTensorTag)) {
    throw expected(value.Env(), "a Tensor", name, value);
  }
  return Unwrap(value.As<Napi::Object>())->alive(value.Env());
}

int64_t TensorHandle::liveCount() { return liveHandles.load(); }

TensorHandle::TensorHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TensorHandle>(info) {
  if (!info[0].IsExternal()) {
    throw Napi::TypeError::New(info.Env(), "Tensor has no public constructor: use tensor(data, shape)");
  }
  info.This().As<Napi::Object>().TypeTag(&kTensorTag);
  tensor_ = std::move(*info[0].As<Napi::External<at::Tensor>>().Data());
  ++liveHandles;
  if (tensor_.device().is_cpu()) {
    externalBytes_ = static_cast<int64_t>(tensor_.nbytes());
    Napi::MemoryManagement::AdjustExternalMemory(info.Env(), externalBytes_);
  }
}

TensorHandle::~TensorHandle() {
  if (tensor_.defined()) release(Env());
}

void TensorHandle::release(Napi::Env env) {
  tensor_.reset();
  --liveHandles;
  Napi::MemoryManagement::AdjustExternalMemory(env, -externalBytes_);
}

const at::Tensor& TensorHandle::alive(Napi::Env env) const {
  if (!tensor_.defined()) {
    throw Napi::TypeError::New(
        env, "This Tensor was disposed: use it before dispose(), or before the scope of its `using` ends");
  }
  return tensor_;
}

Napi::Value TensorHandle::shape(const Napi::CallbackInfo& info) {
  const auto sizes = alive(info.Env()).sizes();
  auto array = Napi::Array::New(info.Env(), sizes.size());
  for (uint32_t i = 0; i < sizes.size(); ++i) array[i] = static_cast<double>(sizes[i]);
  return array;
}

Napi::Value TensorHandle::dtype(const Napi::CallbackInfo& info) {
  switch (alive(info.Env()).scalar_type()) {
    case at::kFloat:
      return Napi::String::New(info.Env(), "float32");
    case at::kDouble:
      return Napi::String::New(info.Env(), "float64");
    case at::kInt:
      return Napi::String::New(info.Env(), "int32");
    case at::kLong:
      return Napi::String::New(info.Env(), "int64");
    case at::kByte:
      return Napi::String::New(info.Env(), "uint8");
    default:
      return Napi::String::New(info.Env(), at::toString(tensor_.scalar_type()));
  }
}

Napi::Value TensorHandle::device(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), alive(info.Env()).device().str());
}

Napi::Value TensorHandle::disposed(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), !tensor_.defined());
}

Napi::Value TensorHandle::dispose(const Napi::CallbackInfo& info) {
  if (tensor_.defined()) release(info.Env());
  return info.Env().Undefined();
}

Napi::Value TensorHandle::item(const Napi::CallbackInfo& info) {
  return submit(
      info.Env(), LaneName::compute, [tensor = alive(info.Env())] { return tensor.item().toDouble(); },
      [](Napi::Env env, double& value) { return Napi::Number::New(env, value); });
}

Napi::Value TensorHandle::data(const Napi::CallbackInfo& info) {
  return submit(
      info.Env(), LaneName::compute,
      [tensor = alive(info.Env())] {
        at::NoGradGuard noGrad;
        const bool isReduced = tensor.scalar_type() == at::kHalf || tensor.scalar_type() == at::kBFloat16;
        return tensor.detach().to(at::kCPU, isReduced ? at::kFloat : tensor.scalar_type()).contiguous();
      },
      [](Napi::Env env, at::Tensor& tensor) { return toTypedArray(env, tensor); });
}

Napi::Value TensorHandle::argmax(const Napi::CallbackInfo& info) {
  return submit(
      info.Env(), LaneName::compute,
      [tensor = alive(info.Env())] {
        at::NoGradGuard noGrad;
        return tensor.argmax(1).to(at::kCPU, at::kInt).contiguous();
      },
      [](Napi::Env env, at::Tensor& tensor) { return toTypedArray(env, tensor); });
}

Napi::Value TensorHandle::softmax(const Napi::CallbackInfo& info) {
  return submit(
      info.Env(), LaneName::compute, [tensor = alive(info.Env())] { return at::softmax(tensor, 1); },
      [](Napi::Env env, at::Tensor& tensor) { return TensorHandle::wrap(env, std::move(tensor)); });
}

// backward(scale): as (tensor * scale).backward(), so that chunks of a batch add up to its mean loss.
Napi::Value TensorHandle::backward(const Napi::CallbackInfo& info) {
  const double scale = info[0].IsUndefined() ? 1.0 : toNumber(info[0], "scale");
  return submitVoid(info.Env(), LaneName::compute, [tensor = alive(info.Env()), scale] {
    tensor.backward(at::full_like(tensor, scale, at::MemoryFormat::Preserve));
  });
}

Napi::Value TensorHandle::channelsLast(const Napi::CallbackInfo& info) {
  return submit(
      info.Env(), LaneName::compute,
      [tensor = alive(info.Env())] { return tensor.contiguous(at::MemoryFormat::ChannelsLast); },
      [](Napi::Env env, at::Tensor& tensor) { return TensorHandle::wrap(env, std::move(tensor)); });
}

Napi::Value createTensor(const Napi::CallbackInfo& info) {
  if (!info[0].IsTypedArray()) throw expected(info.Env(), "a typed array", "data", info[0]);
  const auto array = info[0].As<Napi::TypedArray>();
  const auto shape = toIntegers(info[1], "shape");
  const auto device = toDevice(info[2]);
  auto tensor = at::empty({static_cast<int64_t>(array.ElementLength())}, scalarTypeOf(array));
  std::memcpy(tensor.mutable_data_ptr(), static_cast<char*>(array.ArrayBuffer().Data()) + array.ByteOffset(),
              array.ByteLength());
  // On the data lane: a batch's labels need not wait for the step at work.
  return submit(
      info.Env(), LaneName::data, [tensor, shape, device] { return tensor.reshape(shape).to(device); },
      [](Napi::Env env, at::Tensor& result) { return TensorHandle::wrap(env, std::move(result)); });
}

}  // namespace spurmem
