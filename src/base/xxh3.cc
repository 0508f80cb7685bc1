// Apart from the rest of hash.h, so that programs that link the SDK need no xxhash.

#include <xxhash.h>

#include "base/hash.h"

namespace treadle {

uint64_t Xxh3(std::string_view data) { return XXH3_64bits(data.data(), data.size()); }
uint64_t Xxh3(std::string_view data, uint64_t seed) {
  return XXH3_64bits_withSeed(data.data(), data.size(), seed);
}

}  // namespace treadle
