// The three JSON readers (server, client and command line) must agree on what JSON is, and must
// read what the writers write. Lines of programs (docs/stream.md) are JSON, and any JSON fits into
// one. An input is the text.

#include <algorithm>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "client/wire.h"
#include "json/reader.h"
#include "json/text.h"
#include "json/tree.h"
#include "tests/fuzz/fuzz_target.h"
#include "worker/stream_line.h"

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
  const auto error = FindJsonError(text);
  const Status server = CheckJson(text, "payload");
  const bool client = wire::IsJson(text);
  if (error) {
    TREADLE_CHECK(error->offset <= text.size() && !error->what.empty());
    TREADLE_CHECK(!error->ToString(text).empty());
    TREADLE_CHECK(!server.ok() && !client);
    return;
  }
  // They differ only in the depth that they accept.
  if (DepthOf(text) <= kJsonDepthMax) TREADLE_CHECK(server.ok() && client);
  if (!server.ok()) TREADLE_CHECK(server.code() == Code::kInvalidArgument);
}

void CheckPretty(std::string_view text) {
  const auto document = ReadJson(std::string(text));
  if (!document.ok()) return;
  const std::string pretty = PrettyJson(document->root);
  const auto again = ReadJson(pretty);
  TREADLE_CHECK(again.ok() && PrettyJson(again->root) == pretty);
}

// JSON can hold any text.
void CheckStrings(std::string_view text) {
  std::string json;
  AppendJsonString(text, &json);
  TREADLE_CHECK(QuoteJson(text) == json);
  std::string body = "[" + json + "]";
  std::vector<std::string> read;
  const Status status =
      ParseJson(&body, "texts", [&](JsonValue value) { return ReadTexts(value, 1, &read); });
  TREADLE_CHECK(status.ok() && read.size() == 1);
  TREADLE_CHECK(IsUtf8(read[0]) && (read[0] == text || !IsUtf8(text)));
}

void CheckLines(std::string_view text) {
  const auto line = worker::ParseStreamLine(text);
  const bool is_json = wire::IsJson(text);
  if (line.ok()) TREADLE_CHECK(is_json);
  if (!line.ok()) TREADLE_CHECK(line.status().code() == Code::kInvalidArgument);
  if (!is_json || DepthOf(text) >= kJsonDepthMax) return;
  const Task task{.payload = std::string(text), .content_type = std::string(wire::kJson)};
  const std::string sent = worker::StreamTask(task, std::nullopt, {});
  TREADLE_CHECK(std::count(sent.begin(), sent.end(), '\n') == 1 && sent.ends_with('\n'));
  TREADLE_CHECK(wire::IsJson(sent));
  const auto echoed = worker::ParseStreamLine("{\"result\":" + std::string(text) + "}");
  TREADLE_CHECK(echoed.ok());
  const auto& outcome = std::get<worker::stream::End>(echoed->what).outcome;
  TREADLE_CHECK(std::get<Completed>(outcome).result == wire::TrimJson(text));
}

}  // namespace

TREADLE_FUZZ_TARGET(json) {
  CheckReaders(input);
  CheckPretty(input);
  CheckStrings(input);
  CheckLines(input);
}

}  // namespace treadle::fuzz
