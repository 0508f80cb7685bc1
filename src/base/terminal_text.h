// Text from outside as a person may safely see it on a terminal: nothing in it moves the cursor,
// forges lines, hides words or turns them round, and nothing is cut through a character. Every
// output that shows such text goes through here. Pure; any thread, except TerminalStream.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace treadle {

/// `text` on one line. Control characters (C0, DEL, C1) and bytes that are not UTF-8 become \xNN;
/// what has no width or turns the direction of text (U+200B, U+202E, U+FEFF and their like) becomes
/// \u202e, or \U000e0041 beyond U+FFFF. Joiners and variation selectors stay where they belong to
/// an emoji, joiners also between letters of scripts that need them.
std::string Printable(std::string_view text);

/// The same with line ends and tabs as they are; "\r\n" becomes a line end.
std::string PrintableLines(std::string_view text);

/// JSON that stays the same JSON: unprintable characters become \uNNNN escapes, line ends stay.
std::string PrintableJson(std::string_view json);

/// PrintableLines() of text that comes in pieces, which may end within a character. One thread.
class TerminalStream {
 public:
  std::string Feed(std::string_view bytes);
  /// What is still held back. The stream starts over.
  std::string End();

 private:
  std::string held_;
};

/// How many columns a terminal shows `text` in: 2 for most of East Asia's characters and emoji.
size_t WidthInColumns(std::string_view text);

/// `text` if it fits into `columns` (at least 1), else its beginning and "…", cut between
/// characters as people see them: with their combining marks, and joined emoji as a whole.
std::string Shortened(std::string_view text, size_t columns);

/// The line with the error in what a program printed before it failed: of a traceback of
/// Python its last line, and in general the last one that is neither empty nor a frame of a stack.
std::string_view TellingLine(std::string_view message);

}  // namespace treadle
