// Small texts of requests, flags and files: IDs, tokens, cursors, durations, sizes, times,
// addresses, digests, base64, percent-encoding, UTF-8. Whatever is read must be the same after it
// is written and read again. An input is the text.

#include <string>

#include "api/text_in.h"
#include "base/check.h"
#include "base/duration.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/units.h"
#include "base/utf8.h"
#include "client/server_address.h"
#include "client/wire.h"
#include "http/guard.h"
#include "http/message.h"
#include "json/text.h"
#include "model/limits.h"
#include "tests/fuzz/fuzz_target.h"

namespace treadle::fuzz {
namespace {

void CheckIds(std::string_view text) {
  if (const auto id = TaskId::Parse(text)) TREADLE_CHECK(id->ToString() == text);
  if (const auto token = Token::Parse(text)) TREADLE_CHECK(token->ToString() == text);
}

void CheckEncodings(std::string_view text) {
  TREADLE_CHECK(FromHex(ToHex(text)) == text);
  TREADLE_CHECK(FromBase64(ToBase64(text)) == text);
  if (const auto bytes = FromBase64(text)) TREADLE_CHECK(ToBase64(*bytes) == text);
  if (const auto bytes = FromHex(text)) TREADLE_CHECK(bytes->size() * 2 == text.size());
  if (const auto digest = api::ParseSha256(text)) TREADLE_CHECK(FromHex(text) == digest->view());
  TREADLE_CHECK(http::PercentDecode(wire::PercentEncode(text), false) == text);
  TREADLE_CHECK(http::PercentDecode(wire::PercentEncode(text), true) == text);
  const auto decoded = http::PercentDecode(text, false);
  if (decoded) TREADLE_CHECK(http::PercentDecode(wire::PercentEncode(*decoded), false) == decoded);
  TREADLE_CHECK(decoded.has_value() == http::PercentDecode(text, true).has_value());
}

void CheckNumbers(std::string_view text) {
  if (const auto ms = ParseDuration(text)) {
    TREADLE_CHECK(*ms >= 0);
    TREADLE_CHECK(ParseDuration(ExactDuration(static_cast<uint64_t>(*ms))) == ms);
    (void)DurationInWords(*ms);
  }
  if (const auto bytes = ParseSize(text)) {
    TREADLE_CHECK(ParseSize(ExactSize(*bytes)) == bytes);
  }
  const auto bounded = api::ParseDuration("wait", text, limits::kLongPollMs);
  if (bounded.ok()) TREADLE_CHECK(*bounded >= 0 && *bounded <= limits::kLongPollMs);
}

void CheckTimes(std::string_view text) {
  if (const auto time = api::ParseRfc3339(text)) {
    TREADLE_CHECK(time->ms >= 0 && time->ms <= limits::kWallTimeMaxMs + 1);
    const std::string written = FormatWallTime(*time);
    if (time->ms <= limits::kWallTimeMaxMs) {
      TREADLE_CHECK(api::ParseRfc3339(written) == time);
      TREADLE_CHECK(ParseWallTime(written) == time);
      TREADLE_CHECK(wire::ParseWallTimeMs(written) == time->ms);
    }
  }
  if (const auto time = ParseWallTime(text)) TREADLE_CHECK(FormatWallTime(*time) == text);
  (void)wire::ParseWallTimeMs(text);
}

void CheckAddresses(std::string_view text) {
  if (const auto address = ParseAddress(text)) {
    TREADLE_CHECK(ParseAddress(address->ToString()) == address);
  }
  if (const auto server = ServerAddress::Parse(text); server.ok()) {
    const auto again = ServerAddress::Parse(server->Url());
    TREADLE_CHECK(again.ok() && again->Url() == server->Url());
  }
  (void)http::IsLoopbackHost(text);
}

void CheckUtf8(std::string_view text) {
  size_t characters = 0;
  bool valid = true;
  for (std::string_view rest = text; !rest.empty(); ++characters) {
    const Utf8Sequence next = Utf8SequenceAt(rest);
    TREADLE_CHECK(next.size > 0 && next.size <= 4 && next.size <= rest.size());
    TREADLE_CHECK(Utf8Length(rest) == (next.valid ? next.size : 0));
    valid = valid && next.valid;
    rest.remove_prefix(next.size);
  }
  TREADLE_CHECK(IsUtf8(text) == valid);
  if (valid) TREADLE_CHECK(CountCharacters(text) == characters);
  for (size_t size = 0; size <= text.size() && size < 64; ++size) {
    TREADLE_CHECK(text.starts_with(Utf8Head(text, size)) && Utf8Head(text, size).size() <= size);
    TREADLE_CHECK(text.ends_with(Utf8Tail(text, size)) && Utf8Tail(text, size).size() <= size);
    if (valid) TREADLE_CHECK(IsUtf8(Utf8Head(text, size)) && IsUtf8(Utf8Tail(text, size)));
  }
}

void CheckQuery(std::string_view text) {
  const auto query = http::ParseQuery(text);
  if (!query.ok()) {
    TREADLE_CHECK(query.status().code() == Code::kInvalidArgument);
    return;
  }
  std::string written;
  for (const auto& [name, value] : *query)
    written +=
        (written.empty() ? "" : "&") + wire::PercentEncode(name) + "=" + wire::PercentEncode(value);
  const auto again = http::ParseQuery(written);
  TREADLE_CHECK(again.ok() && *again == *query);
}

}  // namespace

TREADLE_FUZZ_TARGET(texts) {
  CheckIds(input);
  CheckEncodings(input);
  CheckNumbers(input);
  CheckTimes(input);
  CheckAddresses(input);
  CheckUtf8(input);
  CheckQuery(input);
}

}  // namespace treadle::fuzz
