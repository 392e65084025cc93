#include "tensor.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <unordered_map>

#include "exports.h"
#include "handle.h"
#include "jobs.h"

namespace spurmem {

namespace {

std::atomic<int64_t> liveHandles{0};

// Reports the memory that tensors hold to V8, so that it collects those that were never disposed. V8 may
// collect whenever the total grows by 64 MiB, as it does with batches that are disposed in time. So the total
// is reported in large steps.
class ExternalMemory {
 public:
  void add(Napi::Env env, int64_t bytes) {
    held_ += bytes;
    const int64_t more = held_ - told_;
    if (std::abs(more) < std::max(kStep, told_ / 2)) return;
    Napi::MemoryManagement::AdjustExternalMemory(env, more);
    told_ = held_;
  }

 private:
  static constexpr int64_t kStep = int64_t{256} << 20;
  int64_t held_ = 0;
  int64_t told_ = 0;
};

// Each Node environment has a thread.
thread_local ExternalMemory externalMemory;

struct DType {
  napi_typedarray_type array;
  const char* arrayName;
  at::ScalarType scalar;
  const char* name;
};

constexpr DType kDTypes[] = {
    {napi_float32_array, "a Float32Array", at::kFloat, "float32"},
    {napi_float64_array, "a Float64Array", at::kDouble, "float64"},
    {napi_int32_array, "an Int32Array", at::kInt, "int32"},
    {napi_bigint64_array, "a BigInt64Array", at::kLong, "int64"},
    {napi_uint8_array, "a Uint8Array", at::kByte, "uint8"},
};

// Null for a type without a typed array, and for a value that is no typed array.
template <class Type>
const DType* dtypeOf(const Type& value) {
  for (const auto& dtype : kDTypes) {
    if constexpr (std::is_same_v<Type, at::ScalarType>) {
      if (value == dtype.scalar) return &dtype;
    } else if (value.IsTypedArray()) {
      if (value.template As<Napi::TypedArray>().TypedArrayType() == dtype.array) return &dtype;
    }
  }
  return nullptr;
}

class TensorHandle : public Handle<TensorHandle, at::Tensor> {
 public:
  static constexpr auto kName = "Tensor";
  static constexpr napi_type_tag kTag = {0x7370757265746e73, 0x74656e736f723031};

  static void exportTo(Napi::Object exports) {
    exportClass(exports, {
                             accessor<&TensorHandle::shape>("shape"),
                             accessor<&TensorHandle::dtype>("dtype"),
                             accessor<&TensorHandle::disposed>("disposed"),
                             method<&TensorHandle::item>("item()"),
                             method<&TensorHandle::data>("data()"),
                             method<&TensorHandle::argmax>("argmax()"),
                             method<&TensorHandle::softmax>("softmax()"),
                             method<&TensorHandle::backward>("backward(scale)"),
                             method<&TensorHandle::channelsLast>("channelsLast()"),
                         });
  }

  explicit TensorHandle(const Napi::CallbackInfo& info) : Handle(info, made(info)) {
    ++liveHandles;
    if (isHost(held_->device())) {
      externalBytes_ = static_cast<int64_t>(held_->nbytes());
      externalMemory.add(info.Env(), externalBytes_);
    }
  }

  ~TensorHandle() override { release(Env()); }

 private:
  void release(Napi::Env env) override {
    if (!held_) return;
    held_.reset();
    --liveHandles;
    externalMemory.add(env, -externalBytes_);
  }

  Napi::Value shape(const Napi::CallbackInfo& info) { return arrayOf(info.Env(), held(info.Env()).sizes()); }

  Napi::Value dtype(const Napi::CallbackInfo& info) {
    const auto scalar = held(info.Env()).scalar_type();
    const auto* known = dtypeOf(scalar);
    return Napi::String::New(info.Env(), known != nullptr ? known->name : at::toString(scalar));
  }

  Napi::Value disposed(const Napi::CallbackInfo& info) { return toJavaScript(info.Env(), !held_); }

  Napi::Value item(const Napi::CallbackInfo& info) {
    return compute(info, [tensor = held(info.Env())] {
      TORCH_CHECK(tensor.numel() == 1, "a tensor of the shape ", tensor.sizes(), " is no single value");
      return Number(tensor.detach().to(at::kDouble));
    });
  }

  Napi::Value data(const Napi::CallbackInfo& info) {
    return compute(info, [tensor = held(info.Env())] {
      at::NoGradGuard noGrad;
      const bool isReduced = tensor.scalar_type() == at::kHalf || tensor.scalar_type() == at::kBFloat16;
      auto values = tensor.detach().to(isReduced ? at::kFloat : tensor.scalar_type()).contiguous();
      // A later job may change the tensor before the values are read.
      if (isHost(values.device()) && values.is_alias_of(tensor)) values = values.clone();
      return Values::of(values);
    });
  }

  Napi::Value argmax(const Napi::CallbackInfo& info) {
    return compute(info, [tensor = held(info.Env())] {
      at::NoGradGuard noGrad;
      return Values::of(tensor.argmax(1).to(at::kInt));
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

Napi::Value createTensor(const Napi::CallbackInfo& info) {
  // On the data lane, so that a batch's labels do not wait for the running step.
  return submit(info.Env(), LaneName::data,
                [tensor = fromTypedArray(info[0], "data"), shape = toIntegers(info[1], "shape"),
                 device = toDevice(info[2])] { return sendTo(device, tensor.reshape(shape)); });
}

Napi::Value liveTensors(const Napi::CallbackInfo& info) {
  return toJavaScript(info.Env(), liveHandles.load());
}

}  // namespace

void exportTensors(Napi::Object exports) {
  TensorHandle::exportTo(exports);
  exportFunction<createTensor>(exports, "tensor(data, shape, device)");
  exportFunction<liveTensors>(exports, "liveTensors()");
}

at::Tensor toTensor(const Napi::Value& value, const std::string& name) {
  return TensorHandle::unwrap(value, name);
}

Napi::Value toJavaScript(Napi::Env env, const at::Tensor& tensor) { return TensorHandle::wrap(env, tensor); }

Napi::Value toJavaScript(Napi::Env env, const Values& values) { return toTypedArray(env, values.tensor); }

Napi::Value toJavaScript(Napi::Env env, const Number& number) {
  return toJavaScript(env, *number.tensor.const_data_ptr<double>());
}

at::Tensor fromTypedArray(const Napi::Value& value, const std::string& name) {
  const auto* dtype = dtypeOf(value);
  if (dtype == nullptr) {
    const bool isOther = value.IsTypedArray();
    throw expected(value.Env(), isOther ? "an array of one of Tensor's dtypes" : "a typed array", name,
                   value);
  }
  // Napi::TypedArray has no buffer for memory that threads share.
  size_t length = 0;
  void* data = nullptr;
  napi_value buffer = nullptr;
  bool isDetached = false;
  const auto env = value.Env();
  if (napi_get_typedarray_info(env, value, nullptr, &length, &data, &buffer, nullptr) != napi_ok ||
      napi_is_detached_arraybuffer(env, buffer, &isDetached) != napi_ok) {
    throw Napi::Error::New(env);
  }
  if (isDetached) {
    throw Napi::TypeError::New(env, "Expected values for " + name + " but received a detached buffer");
  }
  auto tensor = at::empty({static_cast<int64_t>(length)}, dtype->scalar);
  if (length > 0) std::memcpy(tensor.mutable_data_ptr(), data, tensor.nbytes());
  return tensor;
}

at::Tensor fromTypedArray(const Napi::Value& value, at::ScalarType type, const std::string& name) {
  const auto* dtype = dtypeOf(type);
  if (dtypeOf(value) != dtype) throw expected(value.Env(), dtype->arrayName, name, value);
  return fromTypedArray(value, name);
}

Napi::Value toTypedArray(Napi::Env env, const at::Tensor& tensor) {
  const auto* dtype = dtypeOf(tensor.scalar_type());
  TORCH_CHECK(dtype != nullptr, "JavaScript has no array of ", tensor.scalar_type());
  auto buffer = Napi::ArrayBuffer::New(env, tensor.nbytes());
  if (tensor.nbytes() > 0) std::memcpy(buffer.Data(), tensor.const_data_ptr(), tensor.nbytes());
  napi_value array = nullptr;
  const auto status = napi_create_typedarray(env, dtype->array, tensor.numel(), buffer, 0, &array);
  if (status != napi_ok) throw Napi::Error::New(env);
  return {env, array};
}

NamedTensors toNamedTensors(const Napi::Value& value, const std::string& name) {
  const auto object = toObject(value, name);
  NamedTensors tensors;
  const auto names = object.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const auto key = names.Get(i).ToString().Utf8Value();
    tensors.emplace_back(key, toTensor(object.Get(key), name + "." + key));
  }
  return tensors;
}

Napi::Value toJavaScript(Napi::Env env, const NamedTensors& tensors) {
  auto object = Napi::Object::New(env);
  for (const auto& [name, tensor] : tensors) object.Set(name, toJavaScript(env, tensor));
  return object;
}

NamedTensors copiesOf(const NamedTensors& tensors) {
  at::NoGradGuard noGrad;
  NamedTensors copies;
  for (const auto& [name, tensor] : tensors) {
    copies.emplace_back(name, tensor.detach().to(at::kCPU).clone(at::MemoryFormat::Contiguous));
  }
  return copies;
}

NamedTensors viewsOf(const NamedTensors& tensors) {
  NamedTensors views;
  for (const auto& [name, tensor] : tensors) views.emplace_back(name, tensor.detach());
  return views;
}

void copyInto(const NamedTensors& targets, const NamedTensors& values) {
  at::NoGradGuard noGrad;
  std::unordered_map<std::string, at::Tensor> byName(targets.begin(), targets.end());
  for (const auto& [name, value] : values) {
    const auto target = byName.find(name);
    TORCH_CHECK(target != byName.end(), "the model has no parameter named ", name);
    TORCH_CHECK(value.sizes() == target->second.sizes(), name, " has the shape ", value.sizes(),
                ", but the model needs ", target->second.sizes());
  }
  for (const auto& [name, value] : values) {
    const auto& target = byName[name];
    target.copy_(sendTo(target.device(), value));
  }
}

}  // namespace spurmem
