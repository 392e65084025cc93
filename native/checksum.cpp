#include "checksum.h"

// libtorch's own, of its archives. It is a header of definitions, so it is included here alone.
#include <caffe2/serialize/crc_alt.h>

namespace spurmem {

uint32_t crc32(const uint8_t* bytes, size_t size) { return crc32_fast(bytes, size); }

}  // namespace spurmem
