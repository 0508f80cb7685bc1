#include "app/out_of_memory.h"

#include <unistd.h>

#include <new>
#include <string_view>

#include "app/serve.h"

namespace treadle::app {
namespace {

constexpr std::string_view kLine =
    "Stopping: the system is out of memory. Nothing acknowledged is lost; see \"Memory\" in "
    "docs/operations.md\n";

// Nothing here may allocate.
[[noreturn]] void OnMemoryEnd() {
  [[maybe_unused]] const ssize_t ignored = write(STDERR_FILENO, kLine.data(), kLine.size());
  _exit(kFatalExit);
}

}  // namespace

void StopWhenMemoryEnds() { std::set_new_handler(OnMemoryEnd); }

}  // namespace treadle::app
