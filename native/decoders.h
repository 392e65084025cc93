// JPEG and PNG files in memory, decoded by libjpeg-turbo and libspng. Both are loaded by their stable
// interfaces where there are any: no header or library is needed to compile this. The measured reason:
// setting up sharp's pipeline takes longer than decoding. A JPEG of 500 x 375 px takes sharp 1.5 ms and
// libjpeg-turbo 0.75 ms, a PNG of 64 x 32 px 0.5 and 0.04 ms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace spurmem {

struct Bytes {
  const uint8_t* data;
  size_t size;
};

struct ImageSize {
  int32_t height, width;

  int64_t bytes() const { return int64_t{3} * height * width; }
  bool operator==(const ImageSize& other) const { return height == other.height && width == other.width; }
};

// Beyond this, an image is not decoded: 200 MB.
constexpr int64_t kMostPixelsOfImage = int64_t{1} << 26;

// Loads the first of these libraries that loads; a library that is loaded already stays. Returns its name,
// none where none does.
std::optional<std::string> loadJpegDecoder(const std::vector<std::string>& libraries);
std::optional<std::string> loadPngDecoder(const std::vector<std::string>& libraries);

// The size of the image that a file, or its beginning, is of; none where it is not decoded here: another
// format, no decoder, too many pixels, CMYK, 16-bit grey, or damage.
std::optional<ImageSize> sizeOfImage(const Bytes& file);

// Decodes a file to `size.bytes()` bytes of RGB, to PIL's bits. False, with nothing said of the bytes, where
// the image has another size or the file the least damage.
bool decodeImage(const Bytes& file, const ImageSize& size, uint8_t* target);

}  // namespace spurmem
