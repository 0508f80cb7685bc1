#include "http/message.h"

#include <algorithm>
#include <array>

namespace treadle::http {
namespace {

constexpr std::array<std::string_view, 8> kMethodNames = {"GET",   "HEAD",   "POST",    "PUT",
                                                          "PATCH", "DELETE", "OPTIONS", "OTHER"};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = Lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

struct NamedStatus {
  int status;
  std::string_view reason;
};

constexpr NamedStatus kReasons[] = {{200, "OK"},
                                    {201, "Created"},
                                    {202, "Accepted"},
                                    {204, "No Content"},
                                    {301, "Moved Permanently"},
                                    {302, "Found"},
                                    {303, "See Other"},
                                    {304, "Not Modified"},
                                    {307, "Temporary Redirect"},
                                    {308, "Permanent Redirect"},
                                    {400, "Bad Request"},
                                    {401, "Unauthorized"},
                                    {403, "Forbidden"},
                                    {404, "Not Found"},
                                    {405, "Method Not Allowed"},
                                    {406, "Not Acceptable"},
                                    {408, "Request Timeout"},
                                    {409, "Conflict"},
                                    {410, "Gone"},
                                    {412, "Precondition Failed"},
                                    {413, "Content Too Large"},
                                    {414, "URI Too Long"},
                                    {415, "Unsupported Media Type"},
                                    {422, "Unprocessable Content"},
                                    {429, "Too Many Requests"},
                                    {431, "Request Header Fields Too Large"},
                                    {499, "Client Closed Request"},
                                    {500, "Internal Server Error"},
                                    {501, "Not Implemented"},
                                    {503, "Service Unavailable"},
                                    {504, "Gateway Timeout"}};

}  // namespace

std::string_view MethodName(Method method) { return kMethodNames[static_cast<size_t>(method)]; }

Method MethodFromName(std::string_view name) {
  const auto found = std::find(kMethodNames.begin(), kMethodNames.end() - 1, name);
  return static_cast<Method>(found - kMethodNames.begin());
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

std::string_view RequestHeaders::NameAt(const Place& place) const {
  return std::string_view(text_).substr(place.name_begin, place.name_size);
}

void RequestHeaders::Add(std::string_view name, std::string_view value) {
  if (places_.empty()) {
    places_.reserve(12);
    text_.reserve(480);
  }
  places_.push_back({static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(name.size()),
                     static_cast<uint32_t>(value.size())});
  text_.append(name).append(value);
}

std::string_view RequestHeaders::Get(std::string_view name) const {
  for (const Place& place : places_) {
    if (EqualsIgnoringCase(NameAt(place), name)) {
      return std::string_view(text_).substr(place.name_begin + place.name_size, place.value_size);
    }
  }
  return {};
}

size_t RequestHeaders::Count(std::string_view name) const {
  return static_cast<size_t>(std::ranges::count_if(
      places_, [&](const Place& place) { return EqualsIgnoringCase(NameAt(place), name); }));
}

void RequestHeaders::Set(std::string_view name, std::string_view value) {
  std::erase_if(places_,
                [&](const Place& place) { return EqualsIgnoringCase(NameAt(place), name); });
  Add(name, value);
}

std::string_view Request::path() const {
  return std::string_view(target).substr(0, target.find('?'));
}

std::string_view Request::query() const {
  const size_t mark = target.find('?');
  return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

std::string_view ReasonPhrase(int status) {
  const auto* found = std::ranges::find(kReasons, status, &NamedStatus::status);
  return found == std::end(kReasons) ? "Unknown" : found->reason;
}

std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(plus_is_space && text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

Result<QueryParameters> ParseQuery(std::string_view query) {
  QueryParameters parameters;
  while (!query.empty()) {
    const std::string_view piece = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), piece.size() + 1));
    if (piece.empty()) continue;
    const size_t equals = std::min(piece.find('='), piece.size());
    auto name = PercentDecode(piece.substr(0, equals), true);
    auto value = PercentDecode(piece.substr(std::min(equals + 1, piece.size())), true);
    if (!name || !value) {
      return Status(Code::kInvalidArgument,
                    "the query contains a '%' without two hexadecimal digits after it");
    }
    const auto [at, is_new] = parameters.emplace(*std::move(name), *std::move(value));
    if (!is_new) {
      return Status(Code::kInvalidArgument, "the query parameter '" + at->first + "' comes twice");
    }
  }
  return parameters;
}

}  // namespace treadle::http
