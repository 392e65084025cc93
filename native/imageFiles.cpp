// Image files: their states, their sizes, and their pixels into the image store's file. In jobs of many
// files, because a call of JavaScript's for each takes longer than decoding a small image.
#include <ATen/ATen.h>
#include <fcntl.h>
#include <napi.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "call.h"
#include "checksum.h"
#include "decoders.h"
#include "exports.h"
#include "jobs.h"
#include "tensor.h"

namespace spurmem {

namespace {

// A file may have as many bytes more than its pixels, for what else it tells: decoding.ts counts with it.
constexpr int64_t kMostBytesBesides = int64_t{1} << 20;
// The header of nearly all files, and the most of one that is read here.
constexpr int64_t kBytesOfHeader = int64_t{16} << 10;
constexpr int64_t kMostBytesOfHeader = int64_t{1} << 20;
// The memory that a thread keeps from one image to the next.
constexpr size_t kBytesKept = size_t{16} << 20;

// The outcome of an image's decoding: written, not decoded, or the negative number of the system's error of
// writing.
constexpr int32_t kWritten = 0;
constexpr int32_t kNotDecoded = 1;

// A thread's memory for files or pixels, which is not cleared. What is large is given back at once.
class Scratch {
 public:
  uint8_t* of(size_t size) {
    if (size > size_) {
      bytes_.reset();
      size_ = 0;
      bytes_.reset(new uint8_t[size]);
      size_ = size;
    }
    return bytes_.get();
  }
  void giveBack() {
    if (size_ <= kBytesKept) return;
    bytes_.reset();
    size_ = 0;
  }

 private:
  std::unique_ptr<uint8_t[]> bytes_;
  size_t size_ = 0;
};

// A path with a zero byte would name another file.
bool isPath(const std::string& path) { return path.find('\0') == std::string::npos; }

// A regular file's, by its path from a folder. With statx, which is as old as glibc 2.28; fstat's symbol is
// not.
std::optional<struct statx> stateOf(int folder, const std::string& path) {
  struct statx found;
  const bool isFound =
      isPath(path) && ::statx(folder, path.c_str(), AT_EMPTY_PATH, STATX_BASIC_STATS, &found) == 0;
  return isFound && S_ISREG(found.stx_mode) ? std::make_optional(found) : std::nullopt;
}

class OpenFile {
 public:
  explicit OpenFile(const std::string& path) {
    // Not to wait for who writes into a pipe.
    if (isPath(path)) file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  }
  ~OpenFile() {
    if (file_ >= 0) ::close(file_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  // Size in bytes; 0 for what is no file or cannot be read.
  int64_t size() const {
    const auto state = stateOf(file_, "");
    return file_ >= 0 && state ? static_cast<int64_t>(state->stx_size) : 0;
  }

  // The first bytes, at most so many.
  Bytes read(int64_t most, Scratch& scratch) const {
    auto* bytes = scratch.of(most);
    int64_t size = 0;
    while (size < most) {
      const auto count = ::pread(file_, bytes + size, most - size, size);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      size += count;
    }
    return {bytes, static_cast<size_t>(size)};
  }

 private:
  int file_ = -1;
};

bool isRealPath(const std::string& path) {
  char resolved[PATH_MAX];
  return isPath(path) && ::realpath(path.c_str(), resolved) != nullptr && path == resolved;
}

std::optional<ImageSize> sizeOfFile(const std::string& path) {
  if (!isRealPath(path)) return std::nullopt;
  const OpenFile file(path);
  const auto size = file.size();
  if (size == 0) return std::nullopt;
  thread_local Scratch scratch;
  const auto found = sizeOfImage(file.read(std::min(size, kBytesOfHeader), scratch));
  if (found || size <= kBytesOfHeader) return found;
  return sizeOfImage(file.read(std::min(size, kMostBytesOfHeader), scratch));
}

int32_t writeAt(int file, const uint8_t* bytes, int64_t size, int64_t offset) {
  while (size > 0) {
    const auto count = ::pwrite(file, bytes, size, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? -errno : -EIO;
    bytes += count;
    size -= count;
    offset += count;
  }
  return kWritten;
}

struct Place {
  std::string path;
  int64_t offset;
  ImageSize size;
};

struct Outcome {
  int32_t problem;
  uint32_t checksum = 0;
};

Outcome decodeInto(int target, const Place& place) {
  struct Memory {
    Scratch file, pixels;
  };
  thread_local Memory memory;
  const struct GivesBack {
    ~GivesBack() {
      memory.file.giveBack();
      memory.pixels.giveBack();
    }
  } givesBack;
  const OpenFile file(place.path);
  const auto size = file.size();
  if (size == 0 || size > place.size.bytes() + kMostBytesBesides) return {kNotDecoded};
  auto* pixels = memory.pixels.of(place.size.bytes());
  if (!decodeImage(file.read(size, memory.file), place.size, pixels)) return {kNotDecoded};
  return {writeAt(target, pixels, place.size.bytes(), place.offset), crc32(pixels, place.size.bytes())};
}

int64_t nanosecondsOf(const statx_timestamp& time) {
  return time.tv_sec * int64_t{1000000000} + time.tv_nsec;
}

std::vector<std::string> toPaths(const Napi::Value& value) {
  return toVector<std::string>(value, "paths", toString);
}

// A job that computes `width` numbers for each file, in the files' order.
template <class Number, class Work>
Napi::Value ofFiles(Napi::Env env, at::ScalarType type, int64_t width, size_t count, Work work) {
  return submit(env, LaneName::files, [type, width, count, work = std::move(work)] {
    auto results = at::zeros({static_cast<int64_t>(count) * width}, type);
    auto* numbers = results.mutable_data_ptr<Number>();
    for (size_t i = 0; i < count; ++i) work(i, numbers + i * width);
    return Values{results};
  });
}

Napi::Value fileStates(const Napi::CallbackInfo& info) {
  auto paths = toPaths(info[0]);
  const auto count = paths.size();
  return ofFiles<int64_t>(info.Env(), at::kLong, 2, count,
                          [paths = std::move(paths)](size_t i, int64_t* numbers) {
                            const auto state = stateOf(AT_FDCWD, paths[i]);
                            numbers[0] = state ? static_cast<int64_t>(state->stx_size) : -1;
                            numbers[1] = state ? nanosecondsOf(state->stx_mtime) : 0;
                          });
}

Napi::Value imageSizes(const Napi::CallbackInfo& info) {
  auto paths = toPaths(info[0]);
  const auto count = paths.size();
  return ofFiles<int32_t>(info.Env(), at::kInt, 2, count,
                          [paths = std::move(paths)](size_t i, int32_t* numbers) {
                            const auto size = sizeOfFile(paths[i]).value_or(ImageSize{0, 0});
                            numbers[0] = size.height;
                            numbers[1] = size.width;
                          });
}

std::vector<Place> toPlaces(const Napi::CallbackInfo& info) {
  auto paths = toPaths(info[1]);
  const auto offsets = fromTypedArray(info[2], at::kDouble, "offsets");
  const auto sizes = fromTypedArray(info[3], at::kInt, "sizes");
  const auto count = static_cast<int64_t>(paths.size());
  if (offsets.numel() != count || sizes.numel() != 2 * count) {
    throw Napi::RangeError::New(info.Env(), "paths, offsets and sizes differ in length");
  }
  std::vector<Place> places;
  for (int64_t i = 0; i < count; ++i) {
    const double offset = offsets.const_data_ptr<double>()[i];
    const auto* size = sizes.const_data_ptr<int32_t>() + 2 * i;
    if (!(offset >= 0 && offset < 0x1p53 && size[0] > 0 && size[1] > 0 &&
          size[0] <= kMostPixelsOfImage / size[1])) {
      throw Napi::RangeError::New(info.Env(), c10::str("image ", i, " has ", size[0], " x ", size[1],
                                                       " px at byte ", offset, " of the store"));
    }
    places.push_back({std::move(paths[i]), static_cast<int64_t>(offset), {size[0], size[1]}});
  }
  return places;
}

// A file that was opened elsewhere, under a number of its own: a worker that is terminated closes its own one
// under a job at work, and another file may get the number.
class Duplicate {
 public:
  explicit Duplicate(int file) : file_(::fcntl(file, F_DUPFD_CLOEXEC, 0)) {}
  ~Duplicate() {
    if (file_ >= 0) ::close(file_);
  }
  Duplicate(const Duplicate&) = delete;
  Duplicate& operator=(const Duplicate&) = delete;

  int number() const { return file_; }

 private:
  int file_;
};

Napi::Value decodeImages(const Napi::CallbackInfo& info) {
  const auto target = std::make_shared<Duplicate>(static_cast<int>(toInteger(info[0], "file", 0, INT_MAX)));
  auto places = toPlaces(info);
  const auto count = places.size();
  return ofFiles<int32_t>(info.Env(), at::kInt, 2, count,
                          [target, places = std::move(places)](size_t i, int32_t* result) {
                            const auto [problem, checksum] = decodeInto(target->number(), places[i]);
                            result[0] = problem;
                            result[1] = static_cast<int32_t>(checksum);
                          });
}

Napi::Value loadDecoders(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  const auto name = [env](const std::optional<std::string>& found) -> Napi::Value {
    return found ? toJavaScript(env, *found) : env.Null();
  };
  return objectOf(env, {{"jpeg", name(loadJpegDecoder(toVector<std::string>(info[0], "jpeg", toString)))},
                        {"png", name(loadPngDecoder(toVector<std::string>(info[1], "png", toString)))}});
}

}  // namespace

void exportImageFiles(Napi::Object exports) {
  exportFunction<loadDecoders>(exports, "loadDecoders(jpeg, png)");
  exportFunction<fileStates>(exports, "fileStates(paths)");
  exportFunction<imageSizes>(exports, "imageSizes(paths)");
  exportFunction<decodeImages>(exports, "decodeImages(file, paths, offsets, sizes)");
}

}  // namespace spurmem
