#include "json/reader.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "json/scan.h"

namespace treadle {

namespace od = simdjson::ondemand;
using simdjson::error_code;

/// One document on its way through a parser.
class JsonCursor {
 public:
  JsonCursor(std::string_view text, std::string_view body_name) : bytes(text), what(body_name) {}

  std::string_view bytes;
  std::string_view what;
  od::document document;
  od::value value;      // the place of a JsonValue that was just created
  bool is_root = true;  // the document itself, which simdjson treats apart

  Status Malformed(error_code error);
  Status Malformed(std::string_view problem, const char* at) const;
  Status TooDeep() const;

  Result<od::json_type> Type();
  Result<std::string_view> Token();
  Status Skip(int depth);
  Status SkipObject(int depth);
  Status SkipArray(int depth);
  Status CheckString(std::string_view token) const;
  bool IsKey(std::string_view token) const;

  /// The text between `begin` and the value that the document has come to, less white space.
  Result<std::string_view> Since(const char* begin);
};

namespace {

constexpr size_t kKeptCapacity = size_t{1} << 20;

std::string_view TrimRight(std::string_view text) {
  while (!text.empty() && IsJsonSpace(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view PlainWords(error_code error) {
  switch (error) {
    case simdjson::UTF8_ERROR:
      return "it contains bytes that are not UTF-8";
    case simdjson::UNCLOSED_STRING:
      return "a string is not closed";
    case simdjson::UNESCAPED_CHARS:
      return "a string contains an unescaped control character";
    case simdjson::STRING_ERROR:
      return "a string contains an invalid escape";
    case simdjson::EMPTY:
      return "it is empty";
    case simdjson::INCOMPLETE_ARRAY_OR_OBJECT:
      return "an array or object is not closed";
    case simdjson::TRAILING_CONTENT:
      return "there is extra text after its end";
    default:
      return "a comma, colon, bracket or value is missing, extra or malformed";
  }
}

// Between its quotes, of which stage 1 of simdjson has seen both. Empty if it has no escape.
std::string_view KeyWithEscapes(od::raw_json_string key) {
  bool has_escape = false;
  const char* end = key.raw();
  for (; *end != '"'; ++end) {
    if (*end != '\\') continue;
    has_escape = true;
    ++end;
  }
  return {key.raw(), has_escape ? static_cast<size_t>(end - key.raw()) : 0};
}

bool IsScalar(std::string_view token) {
  return token == "null" || token == "true" || token == "false" || IsJsonNumber(token);
}

// The parser of this thread, or a separate one if the document is so large that its memory
// should not be kept.
class ParserLease {
 public:
  ParserLease(size_t size, od::parser* kept) {
    if (size > kKeptCapacity) own_ = std::make_unique<od::parser>();
    parser_ = own_ ? own_.get() : kept;
  }
  od::parser& operator*() const { return *parser_; }

 private:
  std::unique_ptr<od::parser> own_;
  od::parser* parser_;
};

}  // namespace

std::string JsonPath::ToString() const {
  if (parent == nullptr) return "";
  std::string text = parent->ToString();
  if (field.empty()) return text + "[" + std::to_string(index) + "]";
  if (!text.empty()) text += '.';
  return text.append(field);
}

Status JsonCursor::Malformed(std::string_view problem, const char* at) const {
  std::string text(what);
  text.append(" is not valid JSON: ").append(problem);
  if (at >= bytes.data() && at <= bytes.data() + bytes.size())
    text.append(" (at byte ").append(std::to_string(at - bytes.data())).append(")");
  return {Code::kInvalidArgument, std::move(text)};
}

Status JsonCursor::Malformed(error_code error) {
  // simdjson looks at both ends of a document first, and then reports what is missing there.
  if (error == simdjson::INCOMPLETE_ARRAY_OR_OBJECT || error == simdjson::UNCLOSED_STRING ||
      error == simdjson::TRAILING_CONTENT || error == simdjson::TAPE_ERROR)
    if (const char* const rest = BehindJson(bytes))
      return Malformed(PlainWords(simdjson::TRAILING_CONTENT), rest);
  const char* at = nullptr;
  if (error != simdjson::UTF8_ERROR && error != simdjson::EMPTY &&
      error != simdjson::UNCLOSED_STRING && error != simdjson::UNESCAPED_CHARS)
    if (document.current_location().get(at)) at = nullptr;
  return Malformed(PlainWords(error), at);
}

Status JsonCursor::TooDeep() const {
  return {Code::kInvalidArgument, std::string(what) + " is nested deeper than " +
                                      std::to_string(kJsonDepthMax) + " levels"};
}

Result<od::json_type> JsonCursor::Type() {
  od::json_type type;
  const error_code error = is_root ? document.type().get(type) : value.type().get(type);
  if (error) return Malformed(error);
  return type;
}

Result<std::string_view> JsonCursor::Token() {
  std::string_view token;
  if (is_root) {
    if (const error_code error = document.raw_json_token().get(token)) return Malformed(error);
  } else {
    token = value.raw_json_token();
  }
  return TrimRight(token);
}

Result<std::string_view> JsonCursor::Since(const char* begin) {
  const char* end = nullptr;
  if (const error_code error = document.current_location().get(end)) {
    if (error != simdjson::OUT_OF_BOUNDS) return Malformed(error);
    end = bytes.data() + bytes.size();
  }
  return TrimRight({begin, static_cast<size_t>(end - begin)});
}

// Stage 1 of simdjson has seen to UTF-8, control characters and the closing quote; escapes are
// left.
Status JsonCursor::CheckString(std::string_view token) const {
  for (size_t at = token.find('\\'); at != std::string_view::npos; at = token.find('\\', at)) {
    const char kind = at + 1 < token.size() ? token[at + 1] : '\0';
    if (std::string_view(R"("\/bfnrtu)").find(kind) == std::string_view::npos)
      return Malformed("a string contains an invalid escape", token.data() + at);
    at += 2;
    if (kind != 'u') continue;
    const size_t digits = token.substr(at, 4).find_first_not_of("0123456789abcdefABCDEF");
    if (token.size() < at + 4 || digits != std::string_view::npos)
      return Malformed("\\u is not followed by four hexadecimal digits", token.data() + at);
  }
  return {};
}

// simdjson takes a string that it skips for a key if a colon follows, and what is behind that
// passes unseen.
bool JsonCursor::IsKey(std::string_view token) const {
  const char* next = token.data() + token.size();
  const char* const end = bytes.data() + bytes.size();
  while (next < end && IsJsonSpace(*next)) ++next;
  return next < end && *next == ':';
}

Status JsonCursor::Skip(int depth) {
  TREADLE_ASSIGN_OR_RETURN(const od::json_type type, Type());
  if (type == od::json_type::object) return SkipObject(depth);
  if (type == od::json_type::array) return SkipArray(depth);
  TREADLE_ASSIGN_OR_RETURN(const std::string_view token, Token());
  if (type == od::json_type::string) {
    if (IsKey(token)) return Malformed(simdjson::TAPE_ERROR);
    return CheckString(token);
  }
  if (!IsScalar(token)) return Malformed("a value is malformed", token.data());
  return {};
}

Status JsonCursor::SkipObject(int depth) {
  if (depth > kJsonDepthMax) return TooDeep();
  od::object object;
  const error_code error =
      is_root ? document.get_object().get(object) : value.get_object().get(object);
  if (error) return Malformed(error);
  is_root = false;
  for (auto each : object) {
    od::field field;
    if (const error_code bad = std::move(each).get(field)) return Malformed(bad);
    if (const std::string_view key = KeyWithEscapes(field.key()); !key.empty())
      TREADLE_RETURN_IF_ERROR(CheckString(key));
    value = field.value();
    TREADLE_RETURN_IF_ERROR(Skip(depth + 1));
  }
  return {};
}

Status JsonCursor::SkipArray(int depth) {
  if (depth > kJsonDepthMax) return TooDeep();
  od::array array;
  const error_code error = is_root ? document.get_array().get(array) : value.get_array().get(array);
  if (error) return Malformed(error);
  is_root = false;
  for (auto each : array) {
    if (const error_code bad = std::move(each).get(value)) return Malformed(bad);
    TREADLE_RETURN_IF_ERROR(Skip(depth + 1));
  }
  return {};
}

Status JsonValue::Wrong(std::string_view rest) const {
  std::string text = path_->ToString();
  if (text.empty()) text = cursor_->what;
  return {Code::kInvalidArgument, text.append(" ").append(rest)};
}

Result<std::string_view> JsonValue::Text() {
  TREADLE_ASSIGN_OR_RETURN(const od::json_type type, cursor_->Type());
  if (type != od::json_type::string) return Wrong("must be a string");
  if (cursor_->is_root) return Wrong("must not be a bare string");
  std::string_view text;
  if (const error_code error = cursor_->value.get_string().get(text))
    return cursor_->Malformed(error);
  return text;
}

Result<int64_t> JsonValue::Whole(int64_t min, int64_t max) {
  TREADLE_ASSIGN_OR_RETURN(const od::json_type type, cursor_->Type());
  TREADLE_ASSIGN_OR_RETURN(const std::string_view token, cursor_->Token());
  if (type == od::json_type::number && !IsJsonNumber(token))
    return cursor_->Malformed("a number is malformed", token.data());
  const auto number = type == od::json_type::number ? WholeJsonNumber(token) : std::nullopt;
  if (!number || *number < min || *number > max)
    return Wrong("must be a whole number from " + std::to_string(min) + " to " +
                 std::to_string(max));
  return *number;
}

Result<double> JsonValue::Fraction() {
  TREADLE_ASSIGN_OR_RETURN(const od::json_type type, cursor_->Type());
  TREADLE_ASSIGN_OR_RETURN(const std::string_view token, cursor_->Token());
  double number = -1;
  if (type == od::json_type::number && !IsJsonNumber(token))
    return cursor_->Malformed("a number is malformed", token.data());
  if (type == od::json_type::number)
    std::from_chars(token.data(), token.data() + token.size(), number);
  if (number < 0 || number > 1) return Wrong("must be a number from 0 to 1");
  return number;
}

Result<bool> JsonValue::Flag() {
  TREADLE_ASSIGN_OR_RETURN(const std::string_view token, cursor_->Token());
  if (token == "true") return true;
  if (token == "false") return false;
  return Wrong("must be true or false");
}

bool JsonValue::IsNull() const {
  const Result<od::json_type> type = cursor_->Type();
  return type.ok() && *type == od::json_type::null;
}

Result<std::string_view> JsonValue::Raw() {
  TREADLE_ASSIGN_OR_RETURN(const od::json_type type, cursor_->Type());
  TREADLE_ASSIGN_OR_RETURN(const std::string_view token, cursor_->Token());
  TREADLE_RETURN_IF_ERROR(cursor_->Skip(depth_));
  if (type != od::json_type::object && type != od::json_type::array) return token;
  return cursor_->Since(token.data());
}

Status JsonValue::Each(size_t max, const EachFn& read) {
  TREADLE_ASSIGN_OR_RETURN(const od::json_type type, cursor_->Type());
  if (type != od::json_type::array) return Wrong("must be an array");
  if (depth_ > kJsonDepthMax) return cursor_->TooDeep();
  od::array array;
  const error_code error = cursor_->is_root ? cursor_->document.get_array().get(array)
                                            : cursor_->value.get_array().get(array);
  if (error) return cursor_->Malformed(error);
  cursor_->is_root = false;
  JsonPath path{.parent = path_};
  for (auto each : array) {
    if (const error_code bad = std::move(each).get(cursor_->value)) return cursor_->Malformed(bad);
    if (path.index == max) return Wrong("must have at most " + std::to_string(max) + " entries");
    TREADLE_RETURN_IF_ERROR(read(path.index, JsonValue(cursor_, &path, depth_ + 1)));
    ++path.index;
  }
  return {};
}

namespace {

std::string Listed(std::span<const std::string_view> names) {
  std::string text;
  for (const std::string_view name : names) text.append(text.empty() ? "" : ", ").append(name);
  return text;
}

std::string Quoted(std::string_view name) {
  constexpr size_t kShown = 80;
  std::string text = "\"";
  return text.append(name.substr(0, kShown)).append(name.size() > kShown ? "…\"" : "\"");
}

}  // namespace

Status JsonValue::Fields(std::span<const std::string_view> known, const FieldFn& read) {
  TREADLE_CHECK(known.size() <= 64);
  TREADLE_ASSIGN_OR_RETURN(const od::json_type type, cursor_->Type());
  if (type != od::json_type::object) return Wrong("must be an object");
  if (depth_ > kJsonDepthMax) return cursor_->TooDeep();
  od::object object;
  const error_code error = cursor_->is_root ? cursor_->document.get_object().get(object)
                                            : cursor_->value.get_object().get(object);
  if (error) return cursor_->Malformed(error);
  cursor_->is_root = false;
  uint64_t seen = 0;
  for (auto each : object) {
    od::field field;
    if (const error_code bad = std::move(each).get(field)) return cursor_->Malformed(bad);
    std::string_view key;
    if (const error_code bad = field.unescaped_key().get(key)) return cursor_->Malformed(bad);
    const auto at = static_cast<size_t>(std::ranges::find(known, key) - known.begin());
    const std::string place = at == known.size() || (seen >> at & 1) != 0 ? path_->ToString() : "";
    const std::string where = place.empty() ? "" : " in " + place;
    if (at == known.size())
      return {Code::kInvalidArgument, "unknown field " + Quoted(key) + where +
                                          (known.empty() ? "; this object takes no fields"
                                                         : "; known fields are " + Listed(known))};
    if ((seen >> at & 1) != 0)
      return {Code::kInvalidArgument, "the field " + Quoted(key) + where + " comes twice"};
    seen |= uint64_t{1} << at;
    cursor_->value = field.value();
    const JsonPath path{.parent = path_, .field = known[at]};
    TREADLE_RETURN_IF_ERROR(read(at, JsonValue(cursor_, &path, depth_ + 1)));
  }
  return {};
}

namespace {

Status Walk(std::string* body, std::string_view what, od::parser* kept,
            const std::function<Status(JsonValue)>& read) {
  const size_t size = body->size();
  body->reserve(size + simdjson::SIMDJSON_PADDING);
  const ParserLease parser(size, kept);
  JsonCursor cursor({body->data(), size}, what);
  const simdjson::padded_string_view padded(body->data(), size, size + simdjson::SIMDJSON_PADDING);
  if (const error_code error = (*parser).iterate(padded).get(cursor.document))
    return cursor.Malformed(error);
  const JsonPath root;
  TREADLE_RETURN_IF_ERROR(read(JsonValue(&cursor, &root, 1)));
  if (cursor.is_root) {  // a lone scalar
    TREADLE_ASSIGN_OR_RETURN(const std::string_view token, cursor.Token());
    if (token.data() + token.size() == TrimRight(cursor.bytes).end()) return {};
    return cursor.Malformed("there is extra text after its end", token.end());
  }
  const char* rest = nullptr;
  const error_code end = cursor.document.current_location().get(rest);
  return end == simdjson::OUT_OF_BOUNDS ? Status() : cursor.Malformed(simdjson::TRAILING_CONTENT);
}

}  // namespace

Status ParseJson(std::string* body, std::string_view what,
                 const std::function<Status(JsonValue)>& read) {
  thread_local od::parser parser;
  return Walk(body, what, &parser, read);
}

Status CheckJson(std::string_view bytes, std::string_view what) {
  thread_local od::parser parser;
  std::string padded;
  padded.reserve(bytes.size() + simdjson::SIMDJSON_PADDING);
  padded.append(bytes);
  return Walk(&padded, what, &parser, [](JsonValue value) { return value.Raw().status(); });
}

Status ReadText(JsonValue value, std::string* out) {
  TREADLE_ASSIGN_OR_RETURN(const std::string_view text, value.Text());
  out->assign(text);
  return {};
}

Status ReadTexts(JsonValue value, size_t max, std::vector<std::string>* out) {
  return value.Each(max, [out](size_t, JsonValue each) {
    TREADLE_ASSIGN_OR_RETURN(const std::string_view text, each.Text());
    out->emplace_back(text);
    return Status::Ok();
  });
}

}  // namespace treadle
