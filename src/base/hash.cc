#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstring>
#include <memory>

#include "base/check.h"

namespace treadle {
namespace {

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

using ContextPtr = std::unique_ptr<EVP_MD_CTX, ContextDeleter>;

// Fetching the algorithm costs more than hashing a small payload: once per process.
void Start(EVP_MD_CTX* context) {
  static const EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  TREADLE_CHECK(kAlgorithm != nullptr && context != nullptr);
  TREADLE_CHECK(EVP_DigestInit_ex2(context, kAlgorithm, nullptr) == 1);
}

// One context per thread.
EVP_MD_CTX* StartSha256() {
  thread_local const ContextPtr context(EVP_MD_CTX_new());
  Start(context.get());
  return context.get();
}

Sha256 FinishSha256(EVP_MD_CTX* context) {
  Sha256 digest;
  TREADLE_CHECK(EVP_DigestFinal_ex(context, digest.bytes.data(), nullptr) == 1);
  return digest;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> kBase64Values = [] {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t i = 0; i < kBase64.size(); ++i)
    values[static_cast<uint8_t>(kBase64[i])] = static_cast<int8_t>(i);
  return values;
}();

// The two digits of each byte.
constexpr auto kHexPairs = [] {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  std::array<std::array<char, 2>, 256> pairs{};
  for (size_t byte = 0; byte < pairs.size(); ++byte)
    pairs[byte] = {kHexDigits[byte >> 4], kHexDigits[byte & 15]};
  return pairs;
}();

}  // namespace

Sha256 Sha256Of(std::string_view data) {
  EVP_MD_CTX* context = StartSha256();
  TREADLE_CHECK(EVP_DigestUpdate(context, data.data(), data.size()) == 1);
  return FinishSha256(context);
}

Sha256 Sha256OfParts(std::initializer_list<std::string_view> parts) {
  EVP_MD_CTX* context = StartSha256();
  for (const std::string_view part : parts) {
    const uint64_t length = part.size();
    TREADLE_CHECK(EVP_DigestUpdate(context, &length, sizeof length) == 1);
    TREADLE_CHECK(EVP_DigestUpdate(context, part.data(), part.size()) == 1);
  }
  return FinishSha256(context);
}

struct Sha256Stream::Context {
  ContextPtr digest{EVP_MD_CTX_new()};
};

Sha256Stream::Sha256Stream() : context_(std::make_unique<Context>()) {
  Start(context_->digest.get());
}
Sha256Stream::~Sha256Stream() = default;

void Sha256Stream::Update(std::string_view piece) {
  TREADLE_CHECK(EVP_DigestUpdate(context_->digest.get(), piece.data(), piece.size()) == 1);
}

Sha256 Sha256Stream::Finish() { return FinishSha256(context_->digest.get()); }

std::optional<Sha256> Sha256FromRaw(std::string_view raw) {
  Sha256 digest;
  if (raw.size() != digest.bytes.size()) return std::nullopt;
  std::memcpy(digest.bytes.data(), raw.data(), raw.size());
  return digest;
}

void WriteHex(std::string_view bytes, char* hex) {
  for (const char c : bytes) {
    std::memcpy(hex, kHexPairs[static_cast<uint8_t>(c)].data(), 2);
    hex += 2;
  }
}

std::string ToHex(std::string_view bytes) {
  std::string hex(bytes.size() * 2, '\0');
  WriteHex(bytes, hex.data());
  return hex;
}

std::optional<std::string> FromHex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(hex.size() / 2);
  for (size_t i = 0; i < hex.size(); i += 2) {
    const int high = HexDigit(hex[i]);
    const int low = HexDigit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return bytes;
}

std::string ToBase64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t n = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < n ? static_cast<uint8_t>(bytes[i + k]) : 0U);
    for (size_t k = 0; k < 4; ++k)
      text.push_back(k <= n ? kBase64[group >> (18 - 6 * k) & 63] : '=');
  }
  return text;
}

std::optional<std::string> FromBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    const size_t real = i + 4 == text.size() ? 4 - padding : 4;
    uint32_t group = 0;
    for (size_t k = 0; k < 4; ++k) {
      const int value = k < real ? kBase64Values[static_cast<uint8_t>(text[i + k])] : 0;
      if (value < 0) return std::nullopt;
      group = group << 6 | static_cast<uint32_t>(value);
    }
    for (size_t k = 0; k + 1 < real; ++k)
      bytes.push_back(static_cast<char>(group >> (16 - 8 * k) & 255));
    // Bits that a short last group leaves over must be zero, or two texts would stand for the same
    // bytes.
    if (real < 4 && (group & (real == 2 ? 0xffffU : 0xffU)) != 0) return std::nullopt;
  }
  return bytes;
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace treadle
