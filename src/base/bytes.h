// Encoding of records into bytes and back: little-endian, LEB128 varints, length-prefixed strings.
//
// ByteWriter appends to a string that the caller owns. ByteReader reads from bytes that must
// outlive it, and never past their end: the first read that does not fit makes the reader
// `failed()`, and from then on every read yields zero. A decoder therefore checks once, at its end.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace treadle {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian");

inline constexpr size_t kVarintBytesMax = 10;

/// Returns where it ends: at most kVarintBytesMax after `out`.
inline char* PutVarint(uint64_t v, char* out) {
  for (; v >= 0x80; v >>= 7) *out++ = static_cast<char>(v | 0x80);
  *out++ = static_cast<char>(v);
  return out;
}

/// Signed numbers as unsigned ones, so that small magnitudes stay short.
constexpr uint64_t ZigZag(int64_t v) {
  return (static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63);
}

/// Numbers side by side, to be appended at once: an append to a string costs several times what
/// coding a number does. `kBytesMax` must hold the longest that they may become.
template <size_t kBytesMax>
class NumberWriter {
 public:
  void U8(uint8_t v) { *end_++ = static_cast<char>(v); }
  void Varint(uint64_t v) { end_ = PutVarint(v, end_); }
  void Signed(int64_t v) { Varint(ZigZag(v)); }
  std::string_view written() const { return {bytes_, end_}; }

 private:
  char bytes_[kBytesMax];
  char* end_ = bytes_;
};

class ByteWriter {
 public:
  explicit ByteWriter(std::string* out) : out_(out) {}

  void U8(uint8_t v) { out_->push_back(static_cast<char>(v)); }
  void U16(uint16_t v) { Fixed(&v, sizeof v); }
  void U32(uint32_t v) { Fixed(&v, sizeof v); }
  void U64(uint64_t v) { Fixed(&v, sizeof v); }
  void Varint(uint64_t v) {
    char bytes[kVarintBytesMax];
    out_->append(bytes, PutVarint(v, bytes));
  }
  void Signed(int64_t v) { Varint(ZigZag(v)); }
  /// Length, then the bytes.
  void Bytes(std::string_view v) {
    Varint(v.size());
    out_->append(v);
  }
  /// Only the bytes, for fields of a fixed size.
  void Raw(std::string_view v) { out_->append(v); }

 private:
  void Fixed(const void* v, size_t n) { out_->append(static_cast<const char*>(v), n); }

  std::string* out_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  uint8_t U8() { return Fixed<uint8_t>(); }
  uint16_t U16() { return Fixed<uint16_t>(); }
  uint32_t U32() { return Fixed<uint32_t>(); }
  uint64_t U64() { return Fixed<uint64_t>(); }
  uint64_t Varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const uint8_t byte = U8();
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    failed_ = true;
    return 0;
  }
  int64_t Signed() {
    const uint64_t v = Varint();
    return static_cast<int64_t>((v >> 1) ^ (~(v & 1) + 1));
  }
  std::string_view Bytes() { return Raw(Varint()); }
  std::string_view Raw(uint64_t n) {
    if (n > rest_.size()) return failed_ = true, rest_ = {}, std::string_view();
    const std::string_view head = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return head;
  }

  size_t remaining() const { return rest_.size(); }
  bool failed() const { return failed_; }

 private:
  template <class T>
  T Fixed() {
    T value = 0;
    const std::string_view raw = Raw(sizeof value);
    if (!raw.empty()) std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace treadle
