// CRC-32, by which damage to decoded pixels is seen. Here, because the pixels do not come to JavaScript.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spurmem {

uint32_t crc32(const uint8_t* bytes, size_t size);

}  // namespace spurmem
