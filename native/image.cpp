// The image store's reader: decoded pixels in a memory-mapped file, turned into batches on the data lane.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <napi.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "adjust.h"
#include "arguments.h"
#include "device/accelerator.h"
#include "exports.h"
#include "handle.h"
#include "jobs.h"
#include "kernels/resize.h"

namespace spurmem {

namespace {

template <class... Parts>
void requireRange(Napi::Env env, bool holds, const Parts&... message) {
  if (!holds) throw Napi::RangeError::New(env, c10::str(message...));
}

// Every image's pixels, [height, width, 3] uint8, in private read-only mappings of their files.
struct Pixels {
  std::vector<at::Tensor> files;
  std::vector<RgbView> images;
};

struct Rectangle {
  int32_t top, left, height, width;
};

// A row of `placements`: the part of an image to resize, its new size, the window of it that is kept, and the
// window's place in the batch's image.
struct Placement {
  int32_t index;
  Rectangle source;
  int32_t height, width;
  Rectangle window;
  int32_t top, left, flip;
};
// Beyond these, float32 cannot distinguish neighbouring pixels, and the batch is a mistake.
constexpr int64_t kMaxPixelsOfSide = 1 << 16;
constexpr int64_t kMaxPixelsOfBatch = int64_t{1} << 28;
constexpr int64_t kMaxBytesOfImage = int64_t{1} << 40;
constexpr int64_t kMaxPixelsOfBlur = 1023;
constexpr size_t kColumns = sizeof(Placement) / sizeof(int32_t);

// A row of `changes`: which image of the batch, an Adjustment, and by how much.
struct Change {
  double position, adjustment, amount;
};

struct BatchPlan {
  std::vector<Placement> placements;
  std::vector<Change> changes;
  int64_t blurKernel;
  int64_t height, width;
  Interpolation interpolation;
  std::array<double, 3> mean, std;
  at::Device device;
  at::MemoryFormat memoryFormat;
};

// Changes a batch's images in the order of the rows; the rows of an image are consecutive.
void change(const at::Tensor& batch, const BatchPlan& plan) {
  for (auto row = plan.changes.begin(); row != plan.changes.end();) {
    const auto position = row->position;
    const auto place = batch[static_cast<int64_t>(position)].permute({2, 0, 1});
    auto image = place.contiguous();
    for (; row != plan.changes.end() && row->position == position; ++row) {
      image = adjusted(image, static_cast<Adjustment>(row->adjustment), row->amount, plan.blurKernel);
    }
    place.copy_(image);
  }
}

// Writes an image of the batch, whose bytes start at `target`.
void place(const Placement& placement, const BatchPlan& plan, const Pixels& pixels, uint8_t* target) {
  const auto& [index, source, height, width, window, top, left, flip] = placement;
  if (window.height < plan.height || window.width < plan.width) {
    std::memset(target, 0, plan.height * plan.width * 3);
  }
  const auto& image = pixels.images[index];
  const auto* first = image.pixels + source.top * image.stride + int64_t{3} * source.left;
  resizeRgb(
      {first, source.height, source.width, image.stride},
      {height, width, window.top, window.left, window.height, window.width, flip != 0, plan.interpolation},
      target + (top * plan.width + left) * 3, plan.width * 3);
}

// [N, height, width, 3] uint8, in memory from which it goes to the device.
at::Tensor prepare(const BatchPlan& plan, const Pixels& pixels) {
  const auto count = static_cast<int64_t>(plan.placements.size());
  const int64_t bytes = plan.height * plan.width * 3;
  auto batch = at::empty({count, plan.height, plan.width, 3}, stagingFor(plan.device).dtype(at::kByte));
  auto* target = batch.mutable_data_ptr<uint8_t>();
  at::parallel_for(0, count, /*grain_size=*/1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) place(plan.placements[i], plan, pixels, target + i * bytes);
  });
  return batch;
}

// [N, 3, height, width] float32 on the device: bytes are copied there, then divided (ToTensor) and
// normalized, in torchvision's order.
at::Tensor normalize(const at::Tensor& batch, const BatchPlan& plan) {
  if (isHost(plan.device)) {
    auto result = at::empty(batch.sizes(), at::kFloat);
    normalizeRgb(batch.const_data_ptr<uint8_t>(), batch.numel() / 3, plan.mean, plan.std,
                 result.mutable_data_ptr<float>());
    return result.permute({0, 3, 1, 2}).contiguous(plan.memoryFormat);
  }
  const auto ofChannels = [&plan](at::ArrayRef<double> values) {
    return sendTo(plan.device, at::tensor(values, at::kFloat)).view({1, 3, 1, 1});
  };
  return batch.permute({0, 3, 1, 2})
      .to(plan.device, /*non_blocking=*/true)
      .to(at::kFloat, false, false, plan.memoryFormat)
      .div_(255)
      .sub_(ofChannels(plan.mean))
      .div_(ofChannels(plan.std));
}

at::Tensor batchOf(const BatchPlan& plan, const Pixels& pixels) {
  const auto batch = prepare(plan, pixels);
  change(batch, plan);
  return normalize(batch, plan);
}

std::shared_ptr<Pixels> openPixels(const Napi::CallbackInfo& info) {
  const auto paths = toVector<std::string>(info[0], "paths", toString);
  const auto fileOf = fromTypedArray(info[1], at::kInt, "fileOf");
  const auto offsets = fromTypedArray(info[2], at::kDouble, "offsets");
  const auto heights = fromTypedArray(info[3], at::kInt, "heights");
  const auto widths = fromTypedArray(info[4], at::kInt, "widths");
  const auto count = offsets.numel();
  requireRange(info.Env(), count == fileOf.numel() && count == heights.numel() && count == widths.numel(),
               "fileOf, offsets, heights and widths differ in length");
  // The bytes of each file of images.
  std::vector<int64_t> ends(paths.size(), 0);
  for (int64_t i = 0; i < count; ++i) {
    const auto file = fileOf.const_data_ptr<int32_t>()[i];
    const double offset = offsets.const_data_ptr<double>()[i];
    const int64_t height = heights.const_data_ptr<int32_t>()[i];
    const int64_t width = widths.const_data_ptr<int32_t>()[i];
    requireRange(info.Env(),
                 file >= 0 && static_cast<size_t>(file) < paths.size() && offset >= 0 && offset < 0x1p52 &&
                     height > 0 && width > 0 && height <= kMaxBytesOfImage / (3 * width),
                 "image ", i, " has ", height, " x ", width, " px at byte ", offset, " of file ", file);
    ends[file] = std::max(ends[file], static_cast<int64_t>(offset) + 3 * height * width);
  }
  auto pixels = std::make_shared<Pixels>();
  for (size_t i = 0; i < paths.size(); ++i) {
    pixels->files.push_back(at::from_file(paths[i], /*shared=*/false, ends[i], at::kByte));
  }
  for (int64_t i = 0; i < count; ++i) {
    const auto* first = pixels->files[fileOf.const_data_ptr<int32_t>()[i]].const_data_ptr<uint8_t>();
    const int64_t width = widths.const_data_ptr<int32_t>()[i];
    pixels->images.push_back({first + static_cast<int64_t>(offsets.const_data_ptr<double>()[i]),
                              heights.const_data_ptr<int32_t>()[i], width, 3 * width});
  }
  return pixels;
}

void requireInside(Napi::Env env, const char* what, const Rectangle& part, const char* whole, int64_t height,
                   int64_t width) {
  requireRange(env,
               part.top >= 0 && part.left >= 0 && part.height > 0 && part.width > 0 &&
                   int64_t{part.top} + part.height <= height && int64_t{part.left} + part.width <= width,
               "a ", what, " of ", part.height, " x ", part.width, " px at ", part.top, ", ", part.left,
               " lies outside of ", whole, " of ", height, " x ", width, " px");
}

// Otherwise pixels outside would be read or written.
void check(Napi::Env env, const Placement& placement, const BatchPlan& plan, const Pixels& pixels) {
  const auto& [index, source, height, width, window, top, left, flip] = placement;
  requireRange(env, index >= 0 && static_cast<size_t>(index) < pixels.images.size(),
               "No image has the index ", index);
  const auto& image = pixels.images[index];
  requireInside(env, "crop", source, "an image", image.height, image.width);
  requireRange(env, std::min(height, width) > 0 && std::max(height, width) <= kMaxPixelsOfSide,
               "images cannot be resized to ", height, " x ", width, " px");
  requireInside(env, "window", window, "a resized image", height, width);
  requireInside(env, "window", {top, left, window.height, window.width}, "a batch", plan.height, plan.width);
}

void check(Napi::Env env, const Change& change, const BatchPlan& plan) {
  const auto isOneOf = [](double number, size_t count) {
    return number >= 0 && number < static_cast<double>(count) && number == std::floor(number);
  };
  requireRange(env,
               isOneOf(change.position, plan.placements.size()) && isOneOf(change.adjustment, kAdjustments),
               "there is no image ", change.position, " or no adjustment ", change.adjustment);
}

BatchPlan toPlan(const Napi::Value& value, const Pixels& pixels) {
  const auto env = value.Env();
  const Fields options(value, "options");
  const auto numbers = fromTypedArray(options["placements"], at::kInt, "placements");
  const auto count = static_cast<size_t>(numbers.numel());
  const auto sides = toIntegers(options["size"], "size");
  if (sides.size() != 2) throw expected(env, "[height, width]", "size", options["size"]);
  const auto changes = options.has("changes") ? fromTypedArray(options["changes"], at::kDouble, "changes")
                                              : at::empty({0}, at::kDouble);
  BatchPlan plan{
      std::vector<Placement>(count / kColumns),
      std::vector<Change>(changes.nbytes() / sizeof(Change)),
      options.has("blurKernel") ? toInteger(options["blurKernel"], "blurKernel", 1, kMaxPixelsOfBlur) : 1,
      sides[0],
      sides[1],
      toChoice<Interpolation>(options["interpolation"], "interpolation",
                              {{"bilinear", Interpolation::bilinear}, {"bicubic", Interpolation::bicubic}}),
      toNumbers<3>(options["mean"], "mean", "three numbers"),
      toNumbers<3>(options["std"], "std", "three numbers"),
      toDevice(options["device"]),
      toMemoryFormat(options["memoryFormat"])};
  if (changes.nbytes() % sizeof(Change) != 0)
    throw expected(env, "rows of 3 numbers", "changes", options["changes"]);
  requireRange(env, count > 0 && count % kColumns == 0, "A batch needs ", kColumns,
               " numbers for each of its images");
  const auto isSide = [](int64_t side) { return side > 0 && side <= kMaxPixelsOfSide; };
  requireRange(
      env,
      isSide(plan.height) && isSide(plan.width) &&
          plan.height * plan.width <= kMaxPixelsOfBatch / static_cast<int64_t>(plan.placements.size()),
      "size is ", plan.height, " x ", plan.width, " px for ", plan.placements.size(),
      " images: a side has 1 to ", kMaxPixelsOfSide, " px, and a batch at most ", kMaxPixelsOfBatch);
  requireRange(env, plan.blurKernel % 2 == 1, "blurKernel is odd, and not ", plan.blurKernel);
  std::memcpy(plan.placements.data(), numbers.const_data_ptr(), numbers.nbytes());
  for (const auto& placement : plan.placements) check(env, placement, plan, pixels);
  if (!plan.changes.empty()) std::memcpy(plan.changes.data(), changes.const_data_ptr(), changes.nbytes());
  for (const auto& change : plan.changes) check(env, change, plan);
  return plan;
}

class ImageStoreHandle : public Handle<ImageStoreHandle, std::shared_ptr<Pixels>> {
 public:
  static constexpr auto kName = "ImageStore";
  static constexpr napi_type_tag kTag = {0x7370757265746e73, 0x696d616765303031};

  static void exportTo(Napi::Object exports) {
    exportClass(exports, {method<&ImageStoreHandle::batch>("batch(options)")});
  }

  explicit ImageStoreHandle(const Napi::CallbackInfo& info)
      : Handle(info, inWords(info.Env(), "new ImageStore(paths, fileOf, offsets, heights, widths)",
                             [&] { return openPixels(info); })) {}

 private:
  Napi::Value batch(const Napi::CallbackInfo& info) {
    const auto pixels = held(info.Env());
    return submit(info.Env(), LaneName::data, [pixels, plan = toPlan(info[0], *pixels)] {
      at::NoGradGuard noGrad;
      return batchOf(plan, *pixels);
    });
  }
};

}  // namespace

void exportImageStore(Napi::Object exports) { ImageStoreHandle::exportTo(exports); }

}  // namespace spurmem
