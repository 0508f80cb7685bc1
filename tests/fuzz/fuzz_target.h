// The macro for fuzz targets: TREADLE_FUZZ_TARGET(name) { …`input`… }, one per file, in a file with
// the same name.
//
// Clang builds it for `./dev fuzz` as the entry point of libFuzzer. g++ builds it for the tests as
// the function treadle::fuzz::name, which corpora_test.cc calls with every input of corpus/name/. A
// target that finds a bug aborts, through a sanitizer or through TREADLE_CHECK for a broken
// promise. It keeps no state between inputs, so that one input reproduces a bug.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/status.h"

namespace treadle::fuzz {

/// Reads an input from the front. Never fails: missing numbers are zero, missing bytes are empty.
class Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}

  /// One of `n` choices. '0' selects the first, so that inputs are readable.
  size_t Choice(size_t n) { return static_cast<uint8_t>(U8() - '0') % n; }
  uint8_t U8() { return static_cast<uint8_t>(Number(1)); }
  uint16_t U16() { return static_cast<uint16_t>(Number(2)); }
  uint64_t U64() { return Number(8); }
  /// Up to the end of the line, which is dropped.
  std::string_view Line() { return Take(rest_.find('\n'), 1); }
  /// `size` bytes, or all that are left.
  std::string_view Bytes(size_t size) { return Take(size, 0); }
  std::string_view Rest() { return Take(rest_.size(), 0); }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view Take(size_t size, size_t dropped) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    if (!rest_.empty()) rest_.remove_prefix(dropped);
    return taken;
  }
  uint64_t Number(size_t bytes) {
    uint64_t number = 0;
    size_t shift = 0;
    for (const char c : Bytes(bytes)) {
      number |= uint64_t{static_cast<uint8_t>(c)} << shift;
      shift += 8;
    }
    return number;
  }

  std::string_view rest_;
};

/// Whether something was read. If not, it must have been rejected with INVALID_ARGUMENT and a
/// message.
template <class T>
bool IsRead(const Result<T>& result) {
  if (result.ok()) return true;
  TREADLE_CHECK(result.status().code() == Code::kInvalidArgument);
  TREADLE_CHECK(!result.status().message().empty());
  return false;
}

}  // namespace treadle::fuzz

#ifdef TREADLE_LIBFUZZER
#define TREADLE_FUZZ_TARGET(name)                                           \
  static void name(std::string_view input);                                 \
  extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { \
    ::treadle::fuzz::name({reinterpret_cast<const char*>(data), size});     \
    return 0;                                                               \
  }                                                                         \
  static void name(std::string_view input)
#else
#define TREADLE_FUZZ_TARGET(name)    \
  void name(std::string_view input); \
  void name(std::string_view input)
#endif
