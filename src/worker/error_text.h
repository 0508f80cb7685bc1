// ErrorText: passes what a program writes on standard error on to that of this process. A terminal
// does what it reads, so it gets nothing but text. One thread at a time.
#pragma once

#include <string_view>

#include "base/terminal_text.h"

namespace treadle::worker {

class ErrorText {
 public:
  /// `is_raw`: as it is, also to a terminal.
  explicit ErrorText(bool is_raw);
  /// What was held back is passed on: the beginning of a character, perhaps.
  ~ErrorText();
  ErrorText(const ErrorText&) = delete;
  ErrorText& operator=(const ErrorText&) = delete;

  void Pass(std::string_view bytes);

 private:
  const bool is_raw_;
  TerminalStream stream_;
};

}  // namespace treadle::worker
