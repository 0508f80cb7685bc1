// ReadBuffer: bytes between the socket and the parser. Inside http/ only; one thread at a time.
//
// Invariant: a read into Space() may be in progress while bytes in front of it are consumed; only
// Space() and Shrink(), which are not called then, move bytes. (Beast's flat_buffer moves its write
// position when it is emptied.)
#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"

namespace treadle::http {

class ReadBuffer {
 public:
  std::string_view view() const { return {bytes_.data() + begin_, end_ - begin_}; }
  size_t size() const { return end_ - begin_; }

  /// Room for at least `size_min` bytes behind the end; returns how much there is, at SpaceBegin().
  size_t Space(size_t size_min) {
    if (begin_ > 0) {
      std::memmove(bytes_.data(), bytes_.data() + begin_, size());
      end_ -= std::exchange(begin_, 0);
    }
    bytes_.resize(std::max(bytes_.size(), end_ + size_min));
    return bytes_.size() - end_;
  }
  char* SpaceBegin() { return bytes_.data() + end_; }
  /// `size` bytes were read into the space.
  void Commit(size_t size) {
    TREADLE_CHECK(size <= bytes_.size() - end_);
    end_ += size;
  }
  void Consume(size_t size) {
    TREADLE_CHECK(size <= end_ - begin_);
    begin_ += size;
  }
  /// Gives memory beyond `size_max` back; the buffer must be empty.
  void Shrink(size_t size_max) {
    TREADLE_CHECK(begin_ == end_);
    begin_ = end_ = 0;
    if (bytes_.size() <= size_max) return;
    bytes_ = std::vector<char>();
  }

 private:
  std::vector<char> bytes_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace treadle::http
