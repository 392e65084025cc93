#include "tensor.h"

#include <atomic>
#include <cstring>

#include "exports.h"
#include "handle.h"
#include "jobs.h"

namespace spurmem {

namespace {

std::atomic<int64_t> liveHandles{0};

struct DType {
  napi_typedarray_type array;
  at::ScalarType scalar;
  const char* name;
};

constexpr DType kDTypes[] = {
    {napi_float32_array, at::kFloat, "float32"}, {napi_float64_array, at::kDouble, "float64"},
    {napi_int32_array, at::kInt, "int32"},       {napi_bigint64_array, at::kLong, "int64"},
    {napi_uint8_array, at::kByte, "uint8"},
};

template <class Array>
Napi::Value copyOut(Napi::Env env, const at::Tensor& tensor) {
  auto array = Array::New(env, tensor.numel());
  std::memcpy(array.Data(), tensor.const_data_ptr(), tensor.nbytes());
  return array;
}

class TensorHandle : public Handle<TensorHandle, at::Tensor> {
 public:
  static constexpr auto kName = "Tensor";
  static constexpr napi_type_tag kTag = {0x7370757265746e73, 0x74656e736f723031};

  static void exportTo(Napi::Object exports) {
    exportClass(exports, {
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

  explicit TensorHandle(const Napi::CallbackInfo& info) : Handle(info, made(info)) {
    ++liveHandles;
    if (held_->device().is_cpu()) {
      externalBytes_ = static_cast<int64_t>(held_->nbytes());
      Napi::MemoryManagement::AdjustExternalMemory(info.Env(), externalBytes_);
    }
  }

  ~TensorHandle() override { release(Env()); }

 private:
  void release(Napi::Env env) {
    if (!held_) return;
    held_.reset();
    --liveHandles;
    Napi::MemoryManagement::AdjustExternalMemory(env, -externalBytes_);
  }

  Napi::Value shape(const Napi::CallbackInfo& info) {
    const auto sizes = held(info.Env()).sizes();
    auto array = Napi::Array::New(info.Env(), sizes.size());
    for (uint32_t i = 0; i < sizes.size(); ++i) array[i] = static_cast<double>(sizes[i]);
    return array;
  }

  Napi::Value dtype(const Napi::CallbackInfo& info) {
    const auto scalar = held(info.Env()).scalar_type();
    for (const auto& known : kDTypes) {
      if (known.scalar == scalar) return Napi::String::New(info.Env(), known.name);
    }
    return Napi::String::New(info.Env(), at::toString(scalar));
  }

  Napi::Value device(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), held(info.Env()).device().str());
  }

  Napi::Value disposed(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), !held_.has_value());
  }

  Napi::Value dispose(const Napi::CallbackInfo& info) {
    release(info.Env());
    return info.Env().Undefined();
  }

  Napi::Value item(const Napi::CallbackInfo& info) {
    return compute(info, [tensor = held(info.Env())] { return tensor.item().toDouble(); });
  }

  Napi::Value data(const Napi::CallbackInfo& info) {
    return compute(info, [tensor = held(info.Env())] {
      at::NoGradGuard noGrad;
      const bool isReduced = tensor.scalar_type() == at::kHalf || tensor.scalar_type() == at::kBFloat16;
      return Values{tensor.detach().to(at::kCPU, isReduced ? at::kFloat : tensor.scalar_type()).contiguous()};
    });
  }

  Napi::Value argmax(const Napi::CallbackInfo& info) {
    return compute(info, [tensor = held(info.Env())] {
      at::NoGradGuard noGrad;
      return Values{tensor.argmax(1).to(at::kCPU, at::kInt).contiguous()};
    });
  }

  Napi::Value softmax(const Napi::CallbackInfo& info) {
    return compute(info, [tensor = held(info.Env())] { return at::softmax(tensor, 1); });
  }

  // As (tensor * scale).backward(), so that chunks of a batch add up to its mean loss.
  Napi::Value backward(const Napi::CallbackInfo& info) {
    const double scale = isGiven(info[0]) ? toNumber(info[0], "scale") : 1.0;
    return compute(info, [tensor = held(info.Env()), scale] {
      tensor.backward(at::full_like(tensor, scale, at::MemoryFormat::Preserve));
    });
  }

  Napi::Value channelsLast(const Napi::CallbackInfo& info) {
    return compute(info,
                   [tensor = held(info.Env())] { return tensor.contiguous(at::MemoryFormat::ChannelsLast); });
  }

  int64_t externalBytes_ = 0;
};

// tensor(data, shape, device)
Napi::Value createTensor(const Napi::CallbackInfo& info) {
  // On the data lane: a batch's labels need not wait for the step at work.
  return submit(info.Env(), LaneName::data,
                [tensor = fromTypedArray(info[0], "data"), shape = toIntegers(info[1], "shape"),
                 device = toDevice(info[2])] { return tensor.reshape(shape).to(device); });
}

Napi::Value liveTensors(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(liveHandles.load()));
}

}  // namespace

void exportTensors(Napi::Object exports) {
  TensorHandle::exportTo(exports);
  exportFunction<createTensor>(exports, "tensor");
  exportFunction<liveTensors>(exports, "liveTensors");
}

at::Tensor toTensor(const Napi::Value& value, const std::string& name) {
  return TensorHandle::unwrap(value, name);
}

Napi::Value toJavaScript(Napi::Env env, at::Tensor& tensor) {
  return TensorHandle::wrap(env, std::move(tensor));
}

Napi::Value toJavaScript(Napi::Env env, std::vector<at::Tensor>& tensors) {
  auto array = Napi::Array::New(env, tensors.size());
  for (uint32_t i = 0; i < tensors.size(); ++i) array[i] = toJavaScript(env, tensors[i]);
  return array;
}

Napi::Value toJavaScript(Napi::Env env, Values& values) { return toTypedArray(env, values.tensor); }

at::Tensor fromTypedArray(const Napi::Value& value, const std::string& name) {
  for (const auto& known : kDTypes) {
    if (!isTypedArray(value, known.array)) continue;
    const auto array = value.As<Napi::TypedArray>();
    auto tensor = at::empty({static_cast<int64_t>(array.ElementLength())}, known.scalar);
    const auto* bytes = static_cast<char*>(array.ArrayBuffer().Data()) + array.ByteOffset();
    std::memcpy(tensor.mutable_data_ptr(), bytes, array.ByteLength());
    return tensor;
  }
  const bool isOther = value.IsTypedArray();
  throw expected(value.Env(), isOther ? "an array of one of Tensor's dtypes" : "a typed array", name, value);
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

}  // namespace spurmem
