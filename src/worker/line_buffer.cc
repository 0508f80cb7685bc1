#include "worker/line_buffer.h"

#include <algorithm>
#include <cstring>

namespace treadle::worker {
namespace {

constexpr size_t kRoom = size_t{16} << 10;
constexpr size_t kKept = size_t{64} << 10;  // of memory, by a buffer that is empty

}  // namespace

std::span<char> LineBuffer::Room() {
  if (begin_ == end_) {
    begin_ = scanned_ = end_ = 0;
    if (bytes_.size() > kKept) bytes_ = {};
  } else if (begin_ > 0 && bytes_.size() - end_ < kRoom) {
    std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    scanned_ -= begin_;
    begin_ = 0;
  }
  if (bytes_.size() - end_ < kRoom) bytes_.resize(std::max(end_ + kRoom, bytes_.size() * 2));
  return std::span(bytes_).subspan(end_);
}

bool LineBuffer::Next(std::string_view* line) {
  const std::string_view rest(bytes_.data() + scanned_, end_ - scanned_);
  const size_t line_end = rest.find('\n');
  if (line_end == rest.npos) {
    scanned_ = end_;
    return false;
  }
  std::string_view found(bytes_.data() + begin_, scanned_ + line_end - begin_);
  if (found.ends_with('\r')) found.remove_suffix(1);
  is_too_long_ = found.size() > line_bytes_max_;
  if (is_too_long_) return false;
  *line = found;
  begin_ = scanned_ = scanned_ + line_end + 1;
  return true;
}

}  // namespace treadle::worker
