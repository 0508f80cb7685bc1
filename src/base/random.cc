#include "base/random.h"

#include <sys/random.h>

#include "base/check.h"

namespace treadle {

uint64_t SystemRandom::Next() {
  uint64_t value = 0;
  TREADLE_CHECK(getrandom(&value, sizeof value, 0) == sizeof value);
  return value;
}

}  // namespace treadle
