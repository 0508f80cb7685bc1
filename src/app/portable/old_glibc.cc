// Part of the portable program only (cmake/portable.cmake). Debian's archives of the C++ runtime
// ask for two functions that glibc has from 2.35 and 2.36 on. With these in their place, glibc 2.34
// is enough: RHEL 9, Ubuntu 22.04, Amazon Linux 2023.

#include <sys/random.h>

#include <cstdlib>

#include "app/portable/find_object.h"

namespace {

using Finder = int (*)(void*, dl_find_object*) noexcept;

// glibc's own, which takes no lock; null where it has none.
const Finder of_glibc =
    reinterpret_cast<Finder>(dlvsym(RTLD_NEXT, "_dl_find_object", "GLIBC_2.35"));

}  // namespace

extern "C" {

// libgcc: finds the handler of an exception.
int _dl_find_object(void* address, dl_find_object* found) noexcept {
  return of_glibc != nullptr ? of_glibc(address, found) : treadle::app::FindObject(address, found);
}

// libstdc++: std::random_device.
uint32_t arc4random() noexcept {
  uint32_t value = 0;
  if (getentropy(&value, sizeof value) != 0) std::abort();
  return value;
}
}
