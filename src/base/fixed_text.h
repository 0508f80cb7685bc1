// FixedText: a short text in place. What is written by the thousand (ids, dates, digests) is made
// without a call of the allocator.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

namespace treadle {

/// At most `kMax` characters; who writes more breaks it. Plain value.
template <size_t kMax>
class FixedText {
 public:
  void Add(char c) { chars_[size_++] = c; }
  template <std::unsigned_integral T>
  void AddNumber(T number) {
    char* const end = chars_.data() + kMax;
    size_ =
        static_cast<size_t>(std::to_chars(chars_.data() + size_, end, number).ptr - chars_.data());
  }
  /// `number` in this many digits, which it must not exceed.
  void AddDigits(unsigned number, size_t digits) {
    for (size_t i = digits; i-- > 0; number /= 10)
      chars_[size_ + i] = static_cast<char>('0' + number % 10);
    size_ += digits;
  }

  std::string_view view() const { return {chars_.data(), size_}; }
  std::string ToString() const { return std::string(view()); }

 private:
  std::array<char, kMax> chars_;
  size_t size_ = 0;
};

}  // namespace treadle
