#include "resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

// Sums are rounded as libtorch's are, product by product where these are.
#ifdef __clang__
#pragma clang fp contract(off)
#else
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#endif

// Uses the machine's widest vectors; the arithmetic is the same. They are chosen while the addon is loaded,
// before ThreadSanitizer starts.
#if !defined(__x86_64__) || !defined(__GNUC__) || defined(__clang__) || defined(__SANITIZE_THREAD__)
#define SPURMEM_VECTORIZED
#elif __GNUC__ < 12
// Ubuntu 22.04's compiler knows no levels of x86-64.
#define SPURMEM_VECTORIZED __attribute__((target_clones("avx2", "default")))
#else
#define SPURMEM_VECTORIZED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif

namespace spurmem {

namespace {

constexpr int64_t kRows = 4;    // that are resized at once
constexpr int64_t kPixel = 4;   // floats that a pixel takes: red, green, blue, and one for nothing
constexpr int64_t kLanes = 16;  // floats of a vector: kRows pixels of a column, or as many of a row

// At any address, in memory that is also seen as floats.
using Floats = float __attribute__((vector_size(kLanes * sizeof(float)), aligned(alignof(float)), may_alias));
using Integers = int32_t __attribute__((vector_size(kLanes * sizeof(int32_t))));
using Bytes = uint8_t __attribute__((vector_size(kLanes)));

// The source positions whose weighted mean each target position is, along one dimension.
struct Taps {
  int64_t most;  // of one position
  std::vector<int64_t> first, count;
  std::vector<float> weights;  // `most` for each position
};

// How much a source pixel weighs at a distance from the target's center, with sums rounded once, as
// libtorch's are.
float weightAt(float distance, Interpolation interpolation) {
  if (interpolation == Interpolation::bilinear) return distance < 1 ? 1 - distance : 0;
  constexpr float kSharpness = -0.5F;  // PIL's
  const float x = distance;
  if (x < 1) return std::fma(std::fma(kSharpness + 2, x, -(kSharpness + 3)) * x, x, 1.0F);
  if (x >= 2) return 0;
  return std::fma(std::fma(std::fma(kSharpness, x, -5 * kSharpness), x, 8 * kSharpness), x, -4 * kSharpness);
}

// PyTorch's antialiased weights (at::_upsample_bilinear2d_aa, at::_upsample_bicubic2d_aa) of the target
// positions from `start` on.
Taps tapsOf(int64_t from, int64_t to, int64_t start, int64_t size, bool reversed,
            Interpolation interpolation) {
  const float scale = static_cast<float>(from) / static_cast<float>(to);
  const float reach = interpolation == Interpolation::bilinear ? 1.0F : 2.0F;
  const float support = scale >= 1 ? reach * scale : reach;
  const float inverse = scale >= 1 ? 1 / scale : 1.0F;
  Taps taps{static_cast<int64_t>(std::ceil(support)) * 2 + 1, {}, {}, {}};
  taps.weights.assign(size * taps.most, 0);
  for (int64_t i = 0; i < size; ++i) {
    const int64_t position = start + (reversed ? size - 1 - i : i);
    const auto center = static_cast<float>(scale * (static_cast<double>(position) + 0.5));
    const int64_t first = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5F), 0);
    const int64_t end = std::min<int64_t>(static_cast<int64_t>(center + support + 0.5F), from);
    const int64_t count = std::clamp<int64_t>(end - first, 0, taps.most);
    auto* weights = &taps.weights[i * taps.most];
    float total = 0;
    for (int64_t j = 0; j < count; ++j) {
      const auto distance = std::abs((static_cast<float>(j + first) - center + 0.5F) * inverse);
      weights[j] = weightAt(distance, interpolation);
      total += weights[j];
    }
    for (int64_t j = 0; j < count; ++j) weights[j] /= total;
    taps.first.push_back(first);
    taps.count.push_back(count);
  }
  return taps;
}

// The weighted sum of vectors that start `stride` floats apart. As libtorch's kernels are compiled: after the
// first one, products are rounded before they are added, four by four; the rest are rounded once, with the
// sum.
__attribute__((always_inline)) inline void addUp(Floats& sum, const float* vectors, int64_t stride,
                                                 const float* weights, int64_t count) {
  const int64_t rest = count - (count - 1) % 4;
  sum = *reinterpret_cast<const Floats*>(vectors) * weights[0];
  for (int64_t j = 1; j < rest; ++j) {
    sum += *reinterpret_cast<const Floats*>(vectors + j * stride) * weights[j];
  }
  for (int64_t j = rest; j < count; ++j) {
    const auto& value = *reinterpret_cast<const Floats*>(vectors + j * stride);
    for (int64_t k = 0; k < kLanes; ++k) sum[k] = std::fma(value[k], weights[j], sum[k]);
  }
}

// Rows side by side: a vector of `columns` holds the pixels of one column. `line` has room for a row and one
// float.
SPURMEM_VECTORIZED void interleave(const RgbView& source, int64_t row, float* line, float* columns) {
  for (int64_t r = 0; r < kRows; ++r) {
    const auto* pixels = source.pixels + std::min(row + r, source.height - 1) * source.stride;
    for (int64_t k = 0; k < 3 * source.width; ++k) line[k] = pixels[k];
    // The fourth float is the next pixel's first, and not used.
    for (int64_t x = 0; x < source.width; ++x) {
      std::memcpy(columns + kLanes * x + kPixel * r, line + 3 * x, kPixel * sizeof(float));
    }
  }
}

// Along the rows: kRows rows of `width` pixels in, as many of the taps' positions out, `stride` floats apart.
SPURMEM_VECTORIZED void resizeRows(const float* columns, const Taps& taps, float* target, int64_t stride) {
  const auto size = static_cast<int64_t>(taps.first.size());
  for (int64_t x = 0; x < size; ++x) {
    Floats sum;
    addUp(sum, columns + kLanes * taps.first[x], kLanes, &taps.weights[x * taps.most], taps.count[x]);
    float lanes[kLanes];
    std::memcpy(lanes, &sum, sizeof sum);
    for (int64_t r = 0; r < kRows; ++r) {
      std::memcpy(target + r * stride + kPixel * x, lanes + kPixel * r, kPixel * sizeof(float));
    }
  }
}

// Down the columns: one row of `width` pixels, rounded. `target` has room for kRows pixels more.
SPURMEM_VECTORIZED void resizeColumn(const float* rows, int64_t stride, const float* weights, int64_t count,
                                     int64_t width, uint8_t* target) {
  // Adding and subtracting it rounds to a whole number.
  constexpr float kRounding = 12582912.0F;
  for (int64_t x = 0; x < width; x += kRows) {
    Floats sum;
    addUp(sum, rows + kPixel * x, stride, weights, count);
    // Bicubic weights can be negative.
    sum = sum < 0 ? Floats{} : sum > 255 ? Floats{} + 255 : sum;
    sum = (sum + kRounding) - kRounding;
    const Bytes bytes = __builtin_convertvector(__builtin_convertvector(sum, Integers), Bytes);
    uint8_t pixels[kLanes];
    std::memcpy(pixels, &bytes, sizeof bytes);
    // The fourth byte of a pixel is the next one's first.
    for (int64_t r = 0; r < kRows; ++r) std::memcpy(target + 3 * (x + r), pixels + kPixel * r, kPixel);
  }
}

}  // namespace

void resizeRgb(const RgbView& source, const Resizing& resizing, uint8_t* target, int64_t targetStride) {
  const auto across = tapsOf(source.width, resizing.width, resizing.left, resizing.windowWidth, resizing.flip,
                             resizing.interpolation);
  const auto down = tapsOf(source.height, resizing.height, resizing.top, resizing.windowHeight, false,
                           resizing.interpolation);
  const int64_t top = down.first.front();
  const int64_t bottom = down.first.back() + down.count.back();
  // Whole vectors, so that no pixel needs a case of its own.
  const int64_t stride = (resizing.windowWidth + kRows) / kRows * kRows * kPixel;
  std::vector<float> line(3 * source.width + 1), columns(kLanes * source.width);
  std::vector<float> rows((bottom - top + kRows) * stride);
  for (int64_t y = top; y < bottom; y += kRows) {
    interleave(source, y, line.data(), columns.data());
    resizeRows(columns.data(), across, &rows[(y - top) * stride], stride);
  }
  std::vector<uint8_t> bytes(3 * (resizing.windowWidth + 2 * kRows));
  for (int64_t y = 0; y < resizing.windowHeight; ++y) {
    resizeColumn(&rows[(down.first[y] - top) * stride], stride, &down.weights[y * down.most], down.count[y],
                 resizing.windowWidth, bytes.data());
    std::memcpy(target + y * targetStride, bytes.data(), 3 * resizing.windowWidth);
  }
}

SPURMEM_VECTORIZED void normalizeRgb(const uint8_t* bytes, int64_t pixels, const std::array<double, 3>& mean,
                                     const std::array<double, 3>& std, float* target) {
  // The three channels' turn comes round with whole vectors.
  constexpr int64_t kPeriod = 3 * kLanes;
  float means[kPeriod], deviations[kPeriod];
  for (int64_t k = 0; k < kPeriod; ++k) {
    means[k] = static_cast<float>(mean[k % 3]);
    deviations[k] = static_cast<float>(std[k % 3]);
  }
  const int64_t size = 3 * pixels;
  int64_t start = 0;
  for (; start + kPeriod <= size; start += kPeriod) {
    for (int64_t k = 0; k < kPeriod; ++k) {
      target[start + k] = (static_cast<float>(bytes[start + k]) / 255.0F - means[k]) / deviations[k];
    }
  }
  for (int64_t k = 0; start + k < size; ++k) {
    target[start + k] = (static_cast<float>(bytes[start + k]) / 255.0F - means[k]) / deviations[k];
  }
}

}  // namespace spurmem

#ifndef __clang__
#pragma GCC pop_options
#endif
