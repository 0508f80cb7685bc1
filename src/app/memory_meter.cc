#include "app/memory_meter.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>

// jemalloc's; absent in builds with a sanitizer, which have their own allocator.
extern "C" __attribute__((weak)) int mallctl(const char* name, void* old_value, size_t* old_size,
                                             void* new_value, size_t new_size);

namespace treadle::app {
namespace {

// Address space is taken in large pieces (stacks, arenas), so its end comes earlier than the sum of
// what is used.
constexpr uint64_t kPiecesBytes = uint64_t{64} << 20;

struct Pages {
  uint64_t size = 0;      // address space
  uint64_t resident = 0;  // in memory
  uint64_t data = 0;      // private and writable
};

Pages ReadPages() {
  Pages pages;
  FILE* const file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return pages;
  const int read = std::fscanf(file, "%" SCNu64 " %" SCNu64 " %*u %*u %*u %" SCNu64, &pages.size,
                               &pages.resident, &pages.data);
  std::fclose(file);
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return read == 3 ? Pages{pages.size * page, pages.resident * page, pages.data * page} : Pages{};
}

// Address space that jemalloc has given back to the system but holds on to, to use it again.
uint64_t RetainedBytes() {
  if (mallctl == nullptr) return 0;
  uint64_t epoch = 1;
  size_t size = sizeof epoch;
  mallctl("epoch", &epoch, &size, &epoch, size);
  size_t retained = 0;
  size = sizeof retained;
  return mallctl("stats.retained", &retained, &size, nullptr, 0) == 0 ? retained : 0;
}

uint64_t MachineBytes() {
  return static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

// The limit of this process's control group (version 2), or of one around it that is mounted as the
// root, as in a container. UINT64_MAX: none.
uint64_t ControlGroupBytes() {
  std::string group;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);)
    if (line.starts_with("0::")) group = line.substr(3);
  for (const std::string& path : std::array{group, std::string()}) {
    std::ifstream file("/sys/fs/cgroup" + path + "/memory.max");
    uint64_t bytes = 0;
    if (file >> bytes) return bytes;
  }
  return UINT64_MAX;
}

uint64_t LimitOf(int resource) {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) return UINT64_MAX;
  return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

}  // namespace

uint64_t DefaultMemoryMax() { return std::min(MachineBytes(), ControlGroupBytes()) / 5 * 4; }

config::ServerOptions FitToMemory(config::ServerOptions options) {
  if (options.memory_max_bytes == 0) options.memory_max_bytes = DefaultMemoryMax();
  const uint64_t memory =
      std::min({options.memory_max_bytes, LimitOf(RLIMIT_AS) / 2, LimitOf(RLIMIT_DATA) / 2});
  const auto at_most = [](uint64_t* bytes, uint64_t bound, uint64_t least) {
    *bytes = std::min(*bytes, std::max(bound, least));
  };
  at_most(&options.http.bodies_bytes_max, memory / 4, uint64_t{20} << 20);
  at_most(&options.node.payload_memory_bytes, memory / 16, uint64_t{1} << 20);
  at_most(&options.node.checkpoint_bytes, memory / 16, uint64_t{1} << 20);
  at_most(&options.node.backlog_bytes_max, memory / 4, uint64_t{16} << 20);
  return options;
}

MemoryUse MeasureMemory(uint64_t memory_max_bytes) {
  const Pages pages = ReadPages();
  const uint64_t space_max = LimitOf(RLIMIT_AS);
  const uint64_t data_max = LimitOf(RLIMIT_DATA);
  const bool has_limits = space_max != UINT64_MAX || data_max != UINT64_MAX;
  const uint64_t retained = has_limits ? RetainedBytes() : 0;
  const auto usable = [](uint64_t limit) {
    return limit == UINT64_MAX ? limit : limit - std::min(limit, kPiecesBytes);
  };
  const auto less = [&](uint64_t bytes) { return bytes - std::min(bytes, retained); };
  const std::array<MemoryUse, 3> uses = {
      MemoryUse{pages.resident, memory_max_bytes, "server.memory_max"},
      MemoryUse{less(pages.size), usable(space_max), "the address-space limit, prlimit --as"},
      MemoryUse{less(pages.data), usable(data_max), "the data limit, prlimit --data"}};
  const auto room = [](const MemoryUse& use) {
    return use.limit_bytes - std::min(use.limit_bytes, use.used_bytes);
  };
  return *std::ranges::min_element(uses, {}, room);
}

}  // namespace treadle::app
