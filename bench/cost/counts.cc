// Counts allocations, writes and syncs where they leave our code. Replaces operator new, and the
// linker (--wrap, see CMakeLists.txt) redirects the calls of our archives and of SQLite through
// here. One thread.

#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <new>

#include "bench/cost/cost.h"

namespace treadle::cost {
namespace {

Counts counts;

void* CountedNew(size_t size, size_t alignment) {
  ++counts.allocations;
  const size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* const memory = alignment <= alignof(std::max_align_t)
                           ? std::malloc(size)
                           : std::aligned_alloc(alignment, rounded);
  if (memory == nullptr) std::abort();
  return memory;
}

ssize_t Counted(ssize_t written) {
  if (written > 0) counts.bytes_written += static_cast<uint64_t>(written);
  return written;
}

}  // namespace

Counts CountsSoFar() { return counts; }

}  // namespace treadle::cost

using treadle::cost::Counted;
using treadle::cost::CountedNew;

void* operator new(size_t size) { return CountedNew(size, 1); }
void* operator new(size_t size, std::align_val_t alignment) {
  return CountedNew(size, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

// NOLINTBEGIN(bugprone-reserved-identifier): the linker defines these names.
extern "C" {

ssize_t __real_write(int fd, const void* bytes, size_t size);
ssize_t __real_pwrite(int fd, const void* bytes, size_t size, off_t offset);
ssize_t __real_pwrite64(int fd, const void* bytes, size_t size, off_t offset);
int __real_fsync(int fd);
int __real_fdatasync(int fd);

ssize_t __wrap_write(int fd, const void* bytes, size_t size) {
  return Counted(__real_write(fd, bytes, size));
}
ssize_t __wrap_pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  return Counted(__real_pwrite(fd, bytes, size, offset));
}
ssize_t __wrap_pwrite64(int fd, const void* bytes, size_t size, off_t offset) {
  return Counted(__real_pwrite64(fd, bytes, size, offset));
}
int __wrap_fsync(int fd) {
  ++treadle::cost::counts.syncs;
  return __real_fsync(fd);
}
int __wrap_fdatasync(int fd) {
  ++treadle::cost::counts.syncs;
  return __real_fdatasync(fd);
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)
