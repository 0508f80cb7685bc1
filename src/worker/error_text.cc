#include "worker/error_text.h"

#include <unistd.h>

namespace treadle::worker {
namespace {

void WriteToStandardError(std::string_view bytes) {
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, bytes.data(), bytes.size());
}

}  // namespace

ErrorText::ErrorText(bool is_raw) : is_raw_(is_raw || isatty(STDERR_FILENO) == 0) {}

ErrorText::~ErrorText() {
  if (!is_raw_) WriteToStandardError(stream_.End());
}

void ErrorText::Pass(std::string_view bytes) {
  WriteToStandardError(is_raw_ ? bytes : stream_.Feed(bytes));
}

}  // namespace treadle::worker
