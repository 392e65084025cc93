// The image store's reader: decoded pixels in a memory-mapped file, turned into batches on the data lane.
#include <ATen/ATen.h>
#include <napi.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "arguments.h"
#include "exports.h"
#include "handle.h"
#include "jobs.h"
#include "kernels/resize.h"

namespace spurmem {

namespace {

// Every image's pixels, [height, width, 3] uint8 at its byte offset, in one private read-only mapping.
struct Pixels {
  at::Tensor bytes;
  std::vector<double> offsets;
  std::vector<int32_t> heights;
  std::vector<int32_t> widths;

  RgbView image(int32_t index) const {
    const int64_t width = widths[index];
    return {bytes.const_data_ptr<uint8_t>() + static_cast<int64_t>(offsets[index]), heights[index], width,
            3 * width};
  }
};

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
  std::array<float, 3> mean, std;
  at::Device device = at::kCPU;
  at::MemoryFormat memoryFormat = at::MemoryFormat::ChannelsLast;
};

// An image's part that is resized, and where the result goes in the batch's [height, width].
struct Geometry {
  RgbView source;
  Resizing resizing;
  int64_t height, width;  // of the result, with its padding
  int64_t top, left;      // of the window in the result
};

// torchvision.transforms.functional.resize: to {height, width}, to {shorter side}, or not at all.
Resizing resizeTo(const std::vector<int64_t>& size, int64_t height, int64_t width) {
  if (size.size() == 2) {
    height = size[0];
    width = size[1];
  } else if (size.size() == 1) {
    const auto longer = static_cast<int64_t>(static_cast<double>(size[0] * std::max(height, width)) /
                                             static_cast<double>(std::min(height, width)));
    const bool isPortrait = width <= height;
    height = isPortrait ? longer : size[0];
    width = isPortrait ? size[0] : longer;
  }
  return {height, width, 0, 0, height, width, false};
}

// torchvision.transforms.functional.center_crop along one dimension, with its zero padding of images smaller
// than the crop: {first position kept, how many, first position in the crop}.
std::array<int64_t, 3> centerCrop(int64_t size, int64_t crop) {
  const int64_t missing = std::max<int64_t>(crop - size, 0);
  const auto start = static_cast<int64_t>(std::nearbyint(static_cast<double>(size + missing - crop) / 2.0));
  // The padding lies around the image: half of it, rounded down, before.
  const int64_t before = missing / 2;
  return {std::max<int64_t>(start - before, 0), std::min(size, crop), std::max<int64_t>(before - start, 0)};
}

Geometry geometryOf(const RgbView& image, const BatchPlan& plan, int64_t position) {
  const bool flip = !plan.crops.empty() && plan.crops[position].flip;
  if (!plan.crops.empty() && !plan.cropSize.empty()) {
    const auto& crop = plan.crops[position];
    TORCH_CHECK(crop.top >= 0 && crop.left >= 0 && crop.height > 0 && crop.width > 0 &&
                    crop.top + crop.height <= image.height && crop.left + crop.width <= image.width,
                "a crop of ", crop.height, " x ", crop.width, " px at ", crop.top, ", ", crop.left,
                " lies outside of an image of ", image.height, " x ", image.width, " px");
    const RgbView part{image.pixels + crop.top * image.stride + 3 * crop.left, crop.height, crop.width,
                       image.stride};
    auto resizing = resizeTo(plan.cropSize, crop.height, crop.width);
    resizing.flip = flip;
    return {part, resizing, resizing.height, resizing.width, 0, 0};
  }
  auto resizing = resizeTo(plan.resize, image.height, image.width);
  resizing.flip = flip;
  TORCH_CHECK(resizing.height > 0 && resizing.width > 0, "images cannot be resized to ", resizing.height,
              " x ", resizing.width, " px");
  if (plan.crop.empty()) return {image, resizing, resizing.height, resizing.width, 0, 0};
  const auto rows = centerCrop(resizing.height, plan.crop[0]);
  auto columns = centerCrop(resizing.width, plan.crop[1]);
  // The padding is mirrored too.
  if (flip) columns[2] = plan.crop[1] - columns[2] - columns[1];
  resizing.top = rows[0];
  resizing.windowHeight = rows[1];
  resizing.left = columns[0];
  resizing.windowWidth = columns[1];
  return {image, resizing, plan.crop[0], plan.crop[1], rows[2], columns[2]};
}

// [N, height, width, 3] uint8.
at::Tensor prepare(const BatchPlan& plan, const Pixels& pixels) {
  const auto count = static_cast<int64_t>(plan.indices.size());
  at::Tensor batch;
  for (int64_t i = 0; i < count; ++i) {
    const auto geometry = geometryOf(pixels.image(plan.indices[i]), plan, i);
    const auto [height, width] = std::pair(geometry.height, geometry.width);
    if (!batch.defined()) batch = at::empty({count, height, width, 3}, at::kByte);
    TORCH_CHECK(height == batch.size(1) && width == batch.size(2), "images of one batch differ in size (",
                height, " x ", width, " and ", batch.size(1), " x ", batch.size(2),
                " px): set a fixed resize [height, width] or a crop in the preprocessing");
    auto* target = batch.mutable_data_ptr<uint8_t>() + i * height * width * 3;
    const auto& window = geometry.resizing;
    if (window.windowHeight < height || window.windowWidth < width)
      std::fill_n(target, height * width * 3, 0);
    resizeRgb(geometry.source, window, target + (geometry.top * width + geometry.left) * 3, width * 3);
  }
  return batch;
}

// [N, 3, height, width] float32 on the device: bytes travel there, ToTensor's division and Normalize run
// there, in torchvision's order.
at::Tensor normalize(const at::Tensor& batch, const BatchPlan& plan) {
  if (plan.device.is_cpu()) {
    auto result = at::empty(batch.sizes(), at::kFloat);
    normalizeRgb(batch.const_data_ptr<uint8_t>(), batch.numel() / 3, plan.mean, plan.std,
                 result.mutable_data_ptr<float>());
    return result.permute({0, 3, 1, 2}).contiguous(plan.memoryFormat);
  }
  const auto ofChannels = [&plan](const std::array<float, 3>& values) {
    return at::tensor(at::ArrayRef<float>(values.data(), values.size()), at::kFloat)
        .view({1, 3, 1, 1})
        .to(plan.device);
  };
  return batch.permute({0, 3, 1, 2})
      .to(plan.device)
      .to(at::kFloat, false, false, plan.memoryFormat)
      .div_(255)
      .sub_(ofChannels(plan.mean))
      .div_(ofChannels(plan.std));
}

// Empty for null.
std::vector<int64_t> toSize(const Napi::Value& value, const std::string& name) {
  return isGiven(value) ? toIntegers(value, name) : std::vector<int64_t>{};
}

std::array<float, 3> toChannels(const Napi::Value& value, const std::string& name) {
  const auto values = toNumbers<3>(value, name, "three numbers");
  return {static_cast<float>(values[0]), static_cast<float>(values[1]), static_cast<float>(values[2])};
}

// {path, bytes, offsets, heights, widths}
std::shared_ptr<const Pixels> openPixels(const Napi::CallbackInfo& info) {
  const auto path = toString(info[0], "path");
  const auto bytes = toInteger(info[1], "bytes");
  auto pixels = std::make_shared<Pixels>();
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
  return pixels;
}

BatchPlan toPlan(const Napi::Object& options, const Pixels& pixels) {
  const auto env = options.Env();
  BatchPlan plan;
  plan.indices = toInt32s(options.Get("indices"), "indices");
  if (plan.indices.empty()) throw Napi::RangeError::New(env, "A batch needs at least one index");
  for (const auto index : plan.indices) {
    if (index < 0 || static_cast<size_t>(index) >= pixels.offsets.size()) {
      throw Napi::RangeError::New(env, "No image has the index " + std::to_string(index));
    }
  }
  plan.resize = toSize(options.Get("resize"), "resize");
  plan.cropSize = toSize(options.Get("cropSize"), "cropSize");
  plan.crop = toSize(options.Get("crop"), "crop");
  plan.mean = toChannels(options.Get("mean"), "mean");
  plan.std = toChannels(options.Get("std"), "std");
  plan.device = toDevice(options.Get("device"));
  plan.memoryFormat = toMemoryFormat(options.Get("memoryFormat"));
  if (!isGiven(options.Get("crops"))) return plan;
  const auto values = toInt32s(options.Get("crops"), "crops");
  if (values.size() != plan.indices.size() * 5) {
    throw Napi::RangeError::New(env, "crops needs {top, left, height, width, flip} for each index");
  }
  for (size_t i = 0; i < plan.indices.size(); ++i) {
    const auto* c = &values[i * 5];
    plan.crops.push_back({c[0], c[1], c[2], c[3], c[4] != 0});
  }
  return plan;
}

class ImageStoreHandle : public Handle<ImageStoreHandle, std::shared_ptr<const Pixels>> {
 public:
  static constexpr auto kName = "ImageStore";
  static constexpr napi_type_tag kTag = {0x7370757265746e73, 0x696d616765303031};

  static void exportTo(Napi::Object exports) {
    exportClass(exports, {
                             InstanceMethod<&ImageStoreHandle::batch>("batch"),
                             InstanceMethod<&ImageStoreHandle::dispose>("dispose"),
                         });
  }

  explicit ImageStoreHandle(const Napi::CallbackInfo& info) : Handle(info, openPixels(info)) {}

 private:
  Napi::Value batch(const Napi::CallbackInfo& info) {
    const auto& pixels = held(info.Env());
    return submit(info.Env(), LaneName::data, [pixels, plan = toPlan(toObject(info[0], "options"), *pixels)] {
      at::NoGradGuard noGrad;
      return normalize(prepare(plan, *pixels), plan);
    });
  }

  Napi::Value dispose(const Napi::CallbackInfo& info) {
    held_.reset();
    return info.Env().Undefined();
  }
};

}  // namespace

void exportImageStore(Napi::Object exports) { ImageStoreHandle::exportTo(exports); }

}  // namespace spurmem
