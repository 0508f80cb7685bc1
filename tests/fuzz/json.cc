// The three JSON readers (server, client and command line) must agree on what JSON is, and must
// read what the writers write. An input is the text.

#include <algorithm>
#include <string>
#include <vector>

#include "api/json_in.h"
#include "base/check.h"
#include "base/json_text.h"
#include "base/utf8.h"
#include "cli/json.h"
#include "client/wire.h"
#include "tests/fuzz/fuzz_target.h"

namespace treadle::fuzz {
namespace {

// The nesting depth of brackets outside of strings, in valid JSON.
int DepthOf(std::string_view json) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string && c == '\\') ++i;
    if (c == '"') in_string = !in_string;
    if (in_string) continue;
    if (c == '[' || c == '{') deepest = std::max(deepest, ++depth);
    if (c == ']' || c == '}') --depth;
  }
  return deepest;
}

void CheckReaders(std::string_view text) {
  const auto error = cli::CheckJson(text);
  const Status server = api::CheckJson(text, "payload");
  const bool client = wire::IsJson(text);
  if (error) {
    TREADLE_CHECK(error->offset <= text.size() && !error->what.empty());
    TREADLE_CHECK(!error->ToString(text).empty());
    TREADLE_CHECK(!server.ok() && !client);
    return;
  }
  // They differ only in the depth that they accept.
  if (DepthOf(text) <= api::kJsonDepthMax) TREADLE_CHECK(server.ok() && client);
  if (!server.ok()) TREADLE_CHECK(server.code() == Code::kInvalidArgument);
}

void CheckPretty(std::string_view text) {
  const auto document = cli::ReadJson(std::string(text));
  if (!document.ok()) return;
  const std::string pretty = cli::PrettyJson(document->root);
  const auto again = cli::ReadJson(pretty);
  TREADLE_CHECK(again.ok() && cli::PrettyJson(again->root) == pretty);
}

// JSON can hold any text.
void CheckStrings(std::string_view text) {
  std::string json;
  AppendJsonString(text, &json);
  TREADLE_CHECK(cli::QuoteJson(text) == json);
  std::string body = "[" + json + "]";
  std::vector<std::string> read;
  const Status status = api::ParseJson(
      &body, "texts", [&](api::JsonValue value) { return api::ReadTexts(value, 1, &read); });
  TREADLE_CHECK(status.ok() && read.size() == 1);
  TREADLE_CHECK(IsUtf8(read[0]) && (read[0] == text || !IsUtf8(text)));
}

}  // namespace

TREADLE_FUZZ_TARGET(json) {
  CheckReaders(input);
  CheckPretty(input);
  CheckStrings(input);
}

}  // namespace treadle::fuzz
