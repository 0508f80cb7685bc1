// Console: where a command writes. Data goes to standard output, messages go to standard error.
//
// One thread at a time. Once standard output cannot be written (a closed pipe, a full disk), what
// follows is dropped, and RunCommand() reports it at the end.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/terminal_text.h"  // Printable(), for all that a console shows

namespace treadle {

enum class Color { kPlain, kBold, kDim, kRed, kGreen, kYellow };

/// One of the two streams. `write` takes all of its bytes, `flush` sees to it that what was taken
/// has arrived; false means that it is lost, and errno has the reason.
struct OutputStream {
  std::function<bool(std::string_view)> write;
  std::function<bool()> flush = {};  // empty: nothing to do
  bool is_terminal = false;
  bool color = false;
};

class Console {
 public:
  Console(OutputStream out, OutputStream err);
  /// Standard output and error of this process. Colours only on a terminal, and not if NO_COLOR is
  /// set (https://no-color.org) or TERM is "dumb". Makes this process ignore SIGPIPE.
  static Console OfProcess();

  void Out(std::string_view data);
  void OutLine(std::string_view line);
  /// One message; the line's end is added.
  void Message(std::string_view line);
  /// Text for standard error as it is: progress bars.
  void Err(std::string_view text);

  bool out_is_terminal() const { return out_.is_terminal; }
  bool err_is_terminal() const { return err_.is_terminal; }
  /// Standard output can no longer be written.
  bool out_is_closed() const { return closed_; }
  /// Why something that was meant for standard output is lost; empty: all of it was written.
  std::string Flush();

  /// `text` in that colour, if standard output (standard error) shows colours.
  std::string PaintOut(std::string_view text, Color color) const;
  std::string PaintErr(std::string_view text, Color color) const;

 private:
  OutputStream out_;
  OutputStream err_;
  bool closed_ = false;
  int error_ = 0;  // of the write that failed
};

/// Opens what of standard input, output and error is closed, so that no file or socket takes its
/// number. Writing to a standard output that was closed is still an error.
void OpenStandardStreams();

}  // namespace treadle
