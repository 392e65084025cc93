// Decodes JPEG and PNG files to pixels with libjpeg-turbo and libspng, which are loaded at run time by their
// stable interfaces: building needs neither headers nor libraries. The measured reason: setting up sharp's
// pipeline takes longer than decoding. A JPEG of 500 x 375 px takes sharp 1.5 ms and libjpeg-turbo 0.75 ms, a
// PNG of 64 x 32 px 0.5 and 0.04 ms. One job decodes many files, because a call per file costs more than a
// small image. Definitions, so no other file includes it.
#include <caffe2/serialize/crc_alt.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <napi.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "exports.h"
#include "jobs.h"

namespace spurmem {

namespace {

// Larger images and files are left to sharp, which decodes them one at a time.
constexpr int64_t kMaxPixels = int64_t{1} << 24;
constexpr int64_t kMaxFileBytes = int64_t{1} << 26;
// A job stops once its images take this many bytes.
constexpr int64_t kMaxJobBytes = int64_t{1} << 26;

struct Bytes {
  std::unique_ptr<uint8_t[]> data;
  size_t size;
};

struct Image {
  int32_t height, width;
  std::shared_ptr<uint8_t[]> pixels;
  uint32_t checksum = 0;

  int64_t bytes() const { return int64_t{3} * height * width; }
};

// From turbojpeg.h, which all versions of libturbojpeg.so.0 since 1.4 have.
using JpegHandle = void*;
struct TurboJpeg {
  JpegHandle (*create)();
  int (*destroy)(JpegHandle);
  int (*header)(JpegHandle, const unsigned char* file, unsigned long size, int* width, int* height,
                int* subsampling, int* colors);
  int (*decompress)(JpegHandle, const unsigned char* file, unsigned long size, unsigned char* target,
                    int width, int pitch, int height, int format, int flags);
};
// TJCS_GRAY. Higher numbers are CMYK and YCCK, which PIL converts by its own formula.
constexpr int kMaxColors = 2;
constexpr int kRgb = 0;
// TJFLAG_STOPONWARNING leaves damaged files to sharp, which reports the damage. TJFLAG_LIMITSCANS bounds the
// scans of a progressive JPEG. The defaults, accurate DCT and fancy upsampling, are PIL's.
constexpr int kFlags = 8192 | 32768;

// From spng.h, libspng.so.0.
using PngContext = struct spng_ctx*;
struct PngHeader {
  uint32_t width, height;
  uint8_t depth, colors, compression, filter, interlace;
};
struct Spng {
  PngContext (*create)(int flags);
  void (*destroy)(PngContext);
  int (*setBuffer)(PngContext, const void* file, size_t size);
  int (*setLimits)(PngContext, size_t chunk, size_t all);
  int (*setChecksums)(PngContext, int critical, int ancillary);
  int (*header)(PngContext, PngHeader*);
  int (*decode)(PngContext, void* target, size_t size, int format, int flags);
  int (*decodeRest)(PngContext);
};
constexpr int kRgb8 = 4;
constexpr int kGrey = 0;
constexpr int kRefuse = 0;
// Limits of compressed texts and color profiles.
constexpr size_t kMaxChunkBytes = size_t{8} << 20;
constexpr size_t kMaxChunksBytes = size_t{16} << 20;

template <class Library>
struct Loaded {
  Library library{};
  std::string name{};
};
// Never unloaded: a job may be at work while the process exits.
std::atomic<const Loaded<TurboJpeg>*> turboJpeg{nullptr};
std::atomic<const Loaded<Spng>*> spng{nullptr};

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

bool findAll(void* library, TurboJpeg& found) {
  return find(library, "tjInitDecompress", found.create) && find(library, "tjDestroy", found.destroy) &&
         find(library, "tjDecompressHeader3", found.header) &&
         find(library, "tjDecompress2", found.decompress);
}

bool findAll(void* library, Spng& found) {
  return find(library, "spng_ctx_new", found.create) && find(library, "spng_ctx_free", found.destroy) &&
         find(library, "spng_set_png_buffer", found.setBuffer) &&
         find(library, "spng_set_chunk_limits", found.setLimits) &&
         find(library, "spng_set_crc_action", found.setChecksums) &&
         find(library, "spng_get_ihdr", found.header) && find(library, "spng_decode_image", found.decode) &&
         find(library, "spng_decode_chunks", found.decodeRest);
}

template <class Library>
Napi::Value load(const Napi::Value& names, const char* argument, std::atomic<const Loaded<Library>*>& place) {
  for (const auto& name : toVector<std::string>(names, argument, toString)) {
    if (place != nullptr) break;
    void* const library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) continue;
    auto* loaded = new Loaded<Library>{{}, name};
    const Loaded<Library>* none = nullptr;
    if (!findAll(library, loaded->library) || !place.compare_exchange_strong(none, loaded)) delete loaded;
  }
  const auto env = names.Env();
  return place == nullptr ? env.Null() : toJavaScript(env, place.load()->name);
}

// An image without its pixels' values; none if the size is refused.
std::optional<Image> imageOf(int64_t height, int64_t width) {
  if (height < 1 || width < 1 || height > kMaxPixels / width) return std::nullopt;
  std::shared_ptr<uint8_t[]> pixels(new uint8_t[3 * height * width]);
  return Image{static_cast<int32_t>(height), static_cast<int32_t>(width), std::move(pixels)};
}

std::optional<Image> decodeJpeg(const TurboJpeg& library, const Bytes& file) {
  // One per thread, until a file is damaged: libjpeg-turbo 2.1 keeps a part of that file's state.
  thread_local std::shared_ptr<void> handle;
  if (handle == nullptr) {
    handle = {library.create(), [&library](JpegHandle made) {
                if (made != nullptr) library.destroy(made);
              }};
  }
  const auto* bytes = file.data.get();
  int width = 0, height = 0, subsampling = 0, colors = 0;
  const bool isRead = handle != nullptr && library.header(handle.get(), bytes, file.size, &width, &height,
                                                          &subsampling, &colors) == 0;
  const auto image = isRead && colors <= kMaxColors ? imageOf(height, width) : std::nullopt;
  const bool isDecoded = image && library.decompress(handle.get(), bytes, file.size, image->pixels.get(),
                                                     width, 3 * width, height, kRgb, kFlags) == 0;
  if (isDecoded) return image;
  handle = nullptr;
  return std::nullopt;
}

std::optional<Image> decodePng(const Spng& library, const Bytes& file) {
  const std::shared_ptr<spng_ctx> owner(library.create(0), [&library](PngContext context) {
    if (context != nullptr) library.destroy(context);
  });
  auto* const context = owner.get();
  PngHeader header{};
  if (context == nullptr || library.setBuffer(context, file.data.get(), file.size) != 0 ||
      library.setLimits(context, kMaxChunkBytes, kMaxChunksBytes) != 0 ||
      library.setChecksums(context, kRefuse, kRefuse) != 0 || library.header(context, &header) != 0) {
    return std::nullopt;
  }
  // PIL clips it at 255.
  if (header.colors == kGrey && header.depth == 16) return std::nullopt;
  const auto image = imageOf(header.height, header.width);
  // Reads to the end of the file: it may be cut off after the pixels.
  const bool isDecoded = image &&
                         library.decode(context, image->pixels.get(), image->bytes(), kRgb8, 0) == 0 &&
                         library.decodeRest(context) == 0;
  return isDecoded ? image : std::nullopt;
}

// A path with a zero byte would name another file, and one with a link may lead out of the data set's folder.
bool isRealPath(const std::string& path) {
  char resolved[PATH_MAX];
  return path.find('\0') == std::string::npos && ::realpath(path.c_str(), resolved) != nullptr &&
         path == resolved;
}

// Returns a regular file's bytes; none if it is too large or unreadable.
std::optional<Bytes> readFile(const std::string& path) {
  if (!isRealPath(path)) return std::nullopt;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  const std::shared_ptr<void> closes(nullptr, [file](void*) { ::close(file); });
  // glibc 2.28 has statx, but not fstat's symbol.
  struct statx state;
  if (file < 0 || ::statx(file, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &state) != 0 ||
      !S_ISREG(state.stx_mode) || state.stx_size > kMaxFileBytes) {
    return std::nullopt;
  }
  Bytes bytes{std::unique_ptr<uint8_t[]>(new uint8_t[state.stx_size]), 0};
  while (bytes.size < state.stx_size) {
    const auto count = ::read(file, bytes.data.get() + bytes.size, state.stx_size - bytes.size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    bytes.size += count;
  }
  return bytes;
}

std::optional<Image> decodeFile(const std::string& path) {
  const auto file = readFile(path);
  const auto startsWith = [&file](const char* magic, size_t size) {
    return file && file->size >= size && std::memcmp(file->data.get(), magic, size) == 0;
  };
  const auto* jpegs = turboJpeg.load();
  const auto* pngs = spng.load();
  if (jpegs != nullptr && startsWith("\xff\xd8\xff", 3)) return decodeJpeg(jpegs->library, *file);
  if (pngs != nullptr && startsWith("\x89PNG\r\n\x1a\n", 8)) return decodePng(pngs->library, *file);
  return std::nullopt;
}

Napi::Value toJavaScript(Napi::Env env, const Image& image) {
  const auto release = [pixels = image.pixels](Napi::Env, uint8_t*) {};
  const auto pixels = Napi::Buffer<uint8_t>::New(env, image.pixels.get(), image.bytes(), release);
  return objectOf(env, "height", image.height, "width", image.width, "checksum", image.checksum, "pixels",
                  pixels);
}

Napi::Value decodeImages(const Napi::CallbackInfo& info) {
  return submit(info.Env(), LaneName::files, [paths = toVector<std::string>(info[0], "paths", toString)] {
    std::vector<std::optional<Image>> images;
    int64_t bytes = 0;
    for (const auto& path : paths) {
      auto image = decodeFile(path);
      if (image) image->checksum = crc32_fast(image->pixels.get(), image->bytes());
      if (image) bytes += image->bytes();
      images.push_back(std::move(image));
      if (bytes >= kMaxJobBytes) break;
    }
    return images;
  });
}

Napi::Value loadDecoders(const Napi::CallbackInfo& info) {
  const auto jpeg = load(info[0], "jpeg", turboJpeg), png = load(info[1], "png", spng);
  return objectOf(info.Env(), "jpeg", jpeg, "png", png);
}

}  // namespace

void exportImageFiles(Napi::Object exports) {
  exportFunction<loadDecoders>(exports, "loadDecoders(jpeg, png)");
  exportFunction<decodeImages>(exports, "decodeImages(paths)");
}

}  // namespace spurmem
