// SHA-256 for payloads and identities, XXH3 for frames, and the text forms of bytes. Pure; any
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace treadle {

struct Sha256 {
  std::array<uint8_t, 32> bytes{};

  bool operator==(const Sha256&) const = default;
  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

/// SHA-256 (FIPS 180-4) of `data`, by OpenSSL.
Sha256 Sha256Of(std::string_view data);
/// SHA-256 of the parts one after another, each preceded by its length as 64 bits, so that no two
/// lists collide.
Sha256 Sha256OfParts(std::initializer_list<std::string_view> parts);
/// SHA-256 of what comes piece by piece. One thread.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(const Sha256Stream&) = delete;
  Sha256Stream& operator=(const Sha256Stream&) = delete;

  void Update(std::string_view piece);
  /// Of all pieces. Once.
  Sha256 Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};
/// The digest in `raw`, which must hold 32 bytes; nothing otherwise.
std::optional<Sha256> Sha256FromRaw(std::string_view raw);

/// XXH3, 64 bits: finds corruption, resists nobody.
uint64_t Xxh3(std::string_view data);
uint64_t Xxh3(std::string_view data, uint64_t seed);

/// Lower-case hexadecimal.
std::string ToHex(std::string_view bytes);
/// The same, into `hex`, which has room for twice as many characters.
void WriteHex(std::string_view bytes, char* hex);
/// The bytes that `hex` (either case) encodes; nothing if it is not hexadecimal.
std::optional<std::string> FromHex(std::string_view hex);

/// RFC 4648 base64 with padding.
std::string ToBase64(std::string_view bytes);
/// Strict: the alphabet of RFC 4648 section 4, padded, no white space; nothing otherwise.
std::optional<std::string> FromBase64(std::string_view text);

/// Equal or not, in time that depends only on the lengths. For secrets.
bool EqualInConstantTime(std::string_view a, std::string_view b);

}  // namespace treadle
