// LineBuffer: cuts what a pipe brings into lines, in bounded memory. One thread.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace treadle::worker {

class LineBuffer {
 public:
  /// Lines have at most `line_bytes_max` bytes without their end.
  explicit LineBuffer(size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

  /// Where the next bytes go, at least one; Filled() says how many came. Lines that Next() has
  /// returned are gone.
  std::span<char> Room();
  void Filled(size_t size) { end_ += size; }

  /// The next whole line without its end ("\n" or "\r\n"), or false. `line` is valid until Room().
  bool Next(std::string_view* line);
  /// The line that has begun is longer than the limit. Nothing more should be read.
  bool IsTooLong() const { return is_too_long_ || end_ - begin_ > line_bytes_max_ + 1; }
  /// Bytes that were filled in and that Next() has not returned.
  size_t size() const { return end_ - begin_; }
  bool IsEmpty() const { return begin_ == end_; }

 private:
  const size_t line_bytes_max_;
  std::vector<char> bytes_;
  size_t begin_ = 0;    // of the line to come
  size_t scanned_ = 0;  // no line ends before this
  size_t end_ = 0;
  bool is_too_long_ = false;
};

}  // namespace treadle::worker
