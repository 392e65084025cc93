#include "decoders.h"

#include <dlfcn.h>

#include <atomic>
#include <cstring>

// Those of all versions of glibc; that of 2.34 would be taken (oldSystems.cpp).
#if defined(__x86_64__)
__asm__(".symver dlopen,dlopen@GLIBC_2.2.5");
__asm__(".symver dlsym,dlsym@GLIBC_2.2.5");
#elif defined(__aarch64__)
__asm__(".symver dlopen,dlopen@GLIBC_2.17");
__asm__(".symver dlsym,dlsym@GLIBC_2.17");
#endif

namespace spurmem {

namespace {

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
// TJCS_GRAY: beyond are CMYK and YCCK, which PIL converts by a formula of its own.
constexpr int kLastColors = 2;
constexpr int kRgb = 0;
// TJFLAG_STOPONWARNING: what libjpeg decodes in spite of damage is left to the one who judges damage.
// TJFLAG_LIMITSCANS: a progressive JPEG of some kilobytes can have any number of them. The DCT is the
// accurate one and upsampling is fancy, as by default and in PIL.
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
// The most bytes of texts and profiles, which are compressed.
constexpr size_t kMostBytesOfChunk = size_t{8} << 20;
constexpr size_t kMostBytesOfChunks = size_t{16} << 20;

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
std::optional<std::string> load(std::atomic<const Loaded<Library>*>& place,
                                const std::vector<std::string>& names) {
  for (const auto& name : names) {
    if (place != nullptr) break;
    void* const library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) continue;
    auto* loaded = new Loaded<Library>{{}, name};
    const Loaded<Library>* none = nullptr;
    if (!findAll(library, loaded->library) || !place.compare_exchange_strong(none, loaded)) delete loaded;
  }
  return place == nullptr ? std::nullopt : std::make_optional(place.load()->name);
}

// A thread's own: one decodes after the other.
JpegHandle jpegHandle(const TurboJpeg& library) {
  struct Owner {
    const TurboJpeg& library;
    JpegHandle handle = library.create();
    ~Owner() {
      if (handle != nullptr) library.destroy(handle);
    }
  };
  thread_local const Owner owner{library};
  return owner.handle;
}

std::optional<ImageSize> sizeWithin(int64_t height, int64_t width) {
  if (height < 1 || width < 1 || height > kMostPixelsOfImage / width) return std::nullopt;
  return ImageSize{static_cast<int32_t>(height), static_cast<int32_t>(width)};
}

class Jpeg {
 public:
  Jpeg(const TurboJpeg& library, const Bytes& file)
      : library_(library), file_(file), handle_(jpegHandle(library)) {}

  std::optional<ImageSize> size() const {
    int width = 0, height = 0, subsampling = 0, colors = 0;
    const bool isRead = handle_ != nullptr && library_.header(handle_, file_.data, file_.size, &width,
                                                              &height, &subsampling, &colors) == 0;
    return isRead && colors <= kLastColors ? sizeWithin(height, width) : std::nullopt;
  }

  bool decode(const ImageSize& size, uint8_t* target) const {
    return library_.decompress(handle_, file_.data, file_.size, target, size.width, 3 * size.width,
                               size.height, kRgb, kFlags) == 0;
  }

 private:
  const TurboJpeg& library_;
  const Bytes& file_;
  JpegHandle handle_;
};

class Png {
 public:
  Png(const Spng& library, const Bytes& file) : library_(library), context_(library.create(0)) {
    isOpen_ = context_ != nullptr && library_.setBuffer(context_, file.data, file.size) == 0 &&
              library_.setLimits(context_, kMostBytesOfChunk, kMostBytesOfChunks) == 0 &&
              library_.setChecksums(context_, kRefuse, kRefuse) == 0;
  }
  ~Png() {
    if (context_ != nullptr) library_.destroy(context_);
  }
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;

  std::optional<ImageSize> size() const {
    PngHeader header{};
    if (!isOpen_ || library_.header(context_, &header) != 0) return std::nullopt;
    // PIL clips it at 255.
    if (header.colors == kGrey && header.depth == 16) return std::nullopt;
    return sizeWithin(header.height, header.width);
  }

  // To the end: a file that is cut off behind its pixels is damaged, too.
  bool decode(const ImageSize& size, uint8_t* target) const {
    return library_.decode(context_, target, size.bytes(), kRgb8, 0) == 0 &&
           library_.decodeRest(context_) == 0;
  }

 private:
  const Spng& library_;
  PngContext context_;
  bool isOpen_;
};

bool startsWith(const Bytes& file, const char* magic, size_t size) {
  return file.size >= size && std::memcmp(file.data, magic, size) == 0;
}

// `use` of the image of a file in a format that is decoded here, or `otherwise`.
template <class Result, class Use>
Result withImage(const Bytes& file, Result otherwise, Use use) {
  const auto* jpegs = turboJpeg.load();
  const auto* pngs = spng.load();
  if (jpegs != nullptr && startsWith(file, "\xff\xd8\xff", 3)) return use(Jpeg(jpegs->library, file));
  if (pngs != nullptr && startsWith(file, "\x89PNG\r\n\x1a\n", 8)) return use(Png(pngs->library, file));
  return otherwise;
}

}  // namespace

std::optional<std::string> loadJpegDecoder(const std::vector<std::string>& libraries) {
  return load(turboJpeg, libraries);
}

std::optional<std::string> loadPngDecoder(const std::vector<std::string>& libraries) {
  return load(spng, libraries);
}

std::optional<ImageSize> sizeOfImage(const Bytes& file) {
  return withImage(file, std::optional<ImageSize>(), [](const auto& image) { return image.size(); });
}

bool decodeImage(const Bytes& file, const ImageSize& size, uint8_t* target) {
  return withImage(file, false,
                   [&](const auto& image) { return image.size() == size && image.decode(size, target); });
}

}  // namespace spurmem
