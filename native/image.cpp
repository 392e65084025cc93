#include "image.h"

#include <cmath>
#include <optional>

#include "arguments.h"
#include "engine.h"
#include "tensor.h"

namespace spurmem {

// Every image's pixels, [height, width, 3] uint8 at its byte offset, in one private read-only mapping.
struct ImageStoreHandle::Pixels {
  at::Tensor bytes;
  std::vector<double> offsets;
  std::vector<int32_t> heights;
  std::vector<int32_t> widths;

  // [1, 3, H, W] view in channels-last strides; nothing is copied.
  at::Tensor image(int32_t index) const {
    const int64_t h = heights[index];
    const int64_t w = widths[index];
    const auto offset = static_cast<int64_t>(offsets[index]);
    return bytes.narrow(0, offset, h * w * 3).view({1, h, w, 3}).permute({0, 3, 1, 2});
  }
};

namespace {

struct Crop {
  int64_t top, left, height, width;
  bool flip;
};

struct BatchPlan {
  std::vector<int32_t> indices;
  std::vector<Crop> crops;        // one an image in training, or none
  std::vector<int64_t> cropSize;  // {height, width} that crops are resized to; none: only their flips count
  std::vector<int64_t> resize;    // {height, width}, {shorter side}, or none
  std::vector<int64_t> crop;      // {height, width} of the centre crop, or none
  at::Tensor mean, std;           // [1, 3, 1, 1]
  at::Device device = at::kCPU;
  at::MemoryFormat memoryFormat = at::MemoryFormat::ChannelsLast;
};

// torchvision.transforms.functional.resize on a uint8 tensor: float32, antialiased bilinear, rounded.
at::Tensor resize(const at::Tensor& image, int64_t height, int64_t width) {
  if (image.size(2) == height && image.size(3) == width) return image;
  const int64_t size[] = {height, width};
  return at::_upsample_bilinear2d_aa(image.to(at::kFloat), size, /*align_corners=*/false)
      .round_()
      .to(at::kByte);
}

at::Tensor resizeAs(const at::Tensor& image, const std::vector<int64_t>& size) {
  if (size.empty()) return image;
  if (size.size() == 2) return resize(image, size[0], size[1]);
  const int64_t height = image.size(2);
  const int64_t width = image.size(3);
  const auto longer = static_cast<int64_t>(static_cast<double>(size[0] * std::max(height, width)) /
                                           static_cast<double>(std::min(height, width)));
  return width <= height ? resize(image, longer, size[0]) : resize(image, size[0], longer);
}

// torchvision.transforms.functional.center_crop, with its zero padding of images smaller than the crop.
at::Tensor centerCrop(at::Tensor image, const std::vector<int64_t>& size) {
  if (size.empty()) return image;
  const int64_t height = size[0];
  const int64_t width = size[1];
  const int64_t missingHeight = std::max<int64_t>(height - image.size(2), 0);
  const int64_t missingWidth = std::max<int64_t>(width - image.size(3), 0);
  if (missingHeight > 0 || missingWidth > 0) {
    const int64_t padding[] = {missingWidth / 2, (missingWidth + 1) / 2, missingHeight / 2,
                               (missingHeight + 1) / 2};
    image = at::constant_pad_nd(image, padding, 0);
  }
  const auto top = static_cast<int64_t>(std::nearbyint(static_cast<double>(image.size(2) - height) / 2.0));
  const auto left = static_cast<int64_t>(std::nearbyint(static_cast<double>(image.size(3) - width) / 2.0));
  return image.narrow(2, top, height).narrow(3, left, width);
}

at::Tensor prepare(const at::Tensor& source, const BatchPlan& plan, int64_t position) {
  if (plan.crops.empty()) return centerCrop(resizeAs(source, plan.resize), plan.crop);
  const auto& crop = plan.crops[position];
  const auto image =
      plan.cropSize.empty()
          ? centerCrop(resizeAs(source, plan.resize), plan.crop)
          : resizeAs(source.narrow(2, crop.top, crop.height).narrow(3, crop.left, crop.width), plan.cropSize);
  return crop.flip ? image.flip({3}) : image;
}

std::optional<std::vector<int64_t>> sizeOf(const Napi::Value& value, const std::string& name) {
  if (value.IsNull() || value.IsUndefined()) return std::nullopt;
  return toIntegers(value, name);
}

at::Tensor channelTensor(const std::vector<double>& values) {
  return at::tensor(values, at::kFloat).view({1, 3, 1, 1});
}

}  // namespace

Napi::Function ImageStoreHandle::define(Napi::Env env) {
  return DefineClass(env, "ImageStore",
                     {
                         InstanceMethod<&ImageStoreHandle::batch>("batch"),
                         InstanceMethod<&ImageStoreHandle::dispose>("dispose"),
                     });
}

// new ImageStore(path, bytes, offsets, heights, widths)
ImageStoreHandle::ImageStoreHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<ImageStoreHandle>(info) {
  auto pixels = std::make_shared<Pixels>();
  const auto path = toString(info[0], "path");
  const auto bytes = toInteger(info[1], "bytes");
  pixels->offsets = toFloat64s(info[2], "offsets");
  pixels->heights = toInt32s(info[3], "heights");
  pixels->widths = toInt32s(info[4], "widths");
  if (pixels->offsets.size() != pixels->heights.size() || pixels->offsets.size() != pixels->widths.size()) {
    throw Napi::RangeError::New(info.Env(), "offsets, heights and widths differ in length");
  }
  for (size_t i = 0; i < pixels->offsets.size(); ++i) {
    const double end = pixels->offsets[i] + 3.0 * pixels->heights[i] * pixels->widths[i];
    if (pixels->offsets[i] < 0 || pixels->heights[i] < 1 || pixels->widths[i] < 1 ||
        end > static_cast<double>(bytes)) {
      throw Napi::RangeError::New(info.Env(), "image " + std::to_string(i) + " lies outside of " + path);
    }
  }
  try {
    pixels->bytes = at::from_file(path, /*shared=*/false, bytes, at::kByte);
  } catch (const c10::Error& error) {
    throw Napi::Error::New(info.Env(), error.what_without_backtrace());
  }
  pixels_ = std::move(pixels);
}

// batch({indices, crops, cropSize, resize, crop, mean, std, device, memoryFormat}): the [N, 3, H, W] float32
// input of a model.
Napi::Value ImageStoreHandle::batch(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  if (!pixels_) throw Napi::TypeError::New(env, "This ImageStore was disposed");
  const auto options = toObject(info[0], "options");
  BatchPlan plan;
  plan.indices = toInt32s(options.Get("indices"), "indices");
  if (plan.indices.empty()) throw Napi::RangeError::New(env, "A batch needs at least one index");
  for (const auto index : plan.indices) {
    if (index < 0 || static_cast<size_t>(index) >= pixels_->offsets.size()) {
      throw Napi::RangeError::New(env, "No image has the index " + std::to_string(index));
    }
  }
  plan.resize = sizeOf(options.Get("resize"), "resize").value_or(std::vector<int64_t>{});
  plan.cropSize = sizeOf(options.Get("cropSize"), "cropSize").value_or(std::vector<int64_t>{});
  plan.crop = sizeOf(options.Get("crop"), "crop").value_or(std::vector<int64_t>{});
  plan.mean = channelTensor(toNumbers(options.Get("mean"), "mean"));
  plan.std = channelTensor(toNumbers(options.Get("std"), "std"));
  plan.device = toDevice(options.Get("device"));
  plan.memoryFormat = toMemoryFormat(options.Get("memoryFormat"));
  if (!options.Get("crops").IsNull()) {
    const auto values = toInt32s(options.Get("crops"), "crops");
    if (values.size() != plan.indices.size() * 5) {
      throw Napi::RangeError::New(env, "crops needs {top, left, height, width, flip} for each index");
    }
    for (size_t i = 0; i < plan.indices.size(); ++i) {
      const auto* c = &values[i * 5];
      plan.crops.push_back({c[0], c[1], c[2], c[3], c[4] != 0});
    }
  }
  return submit(
      env, LaneName::data,
      [pixels = pixels_, plan = std::move(plan)] {
        at::NoGradGuard noGrad;
        at::Tensor batch;
        const auto count = static_cast<int64_t>(plan.indices.size());
        for (int64_t i = 0; i < count; ++i) {
          const auto image = prepare(pixels->image(plan.indices[i]), plan, i);
          if (!batch.defined()) {
            batch = at::empty({count, 3, image.size(2), image.size(3)}, at::kByte,
                              at::MemoryFormat::ChannelsLast);
          }
          TORCH_CHECK(image.sizes().slice(1) == batch.sizes().slice(1),
                      "images of one batch differ in size (", image.size(2), " x ", image.size(3), " and ",
                      batch.size(2), " x ", batch.size(3),
                      " px): set a fixed resize [height, width] or a crop in the preprocessing");
          batch.select(0, i).copy_(image.squeeze(0));
        }
        // Bytes travel to the device; ToTensor's division and Normalize run there, in torchvision's order.
        return batch.to(plan.device)
            .to(at::kFloat, false, false, plan.memoryFormat)
            .div_(255)
            .sub_(plan.mean.to(plan.device))
            .div_(plan.std.to(plan.device));
      },
      [](Napi::Env settleEnv, at::Tensor& batch) { return TensorHandle::wrap(settleEnv, std::move(batch)); });
}

Napi::Value ImageStoreHandle::dispose(const Napi::CallbackInfo& info) {
  pixels_.reset();
  return info.Env().Undefined();
}

}  // namespace spurmem
