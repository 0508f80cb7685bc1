// What a handler sees of HTTP: a whole request, and the answer to it. Plain values, free of any
// library's types.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace treadle::http {

enum class Method : uint8_t { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };

/// "GET"; "OTHER" for kOther.
std::string_view MethodName(Method method);
/// The method of that exact (upper-case) name, kOther for one that is not in the list.
Method MethodFromName(std::string_view name);

/// Equal but for the case of ASCII letters: how names of headers and hosts compare.
bool EqualsIgnoringCase(std::string_view a, std::string_view b);

struct Header {
  std::string name;
  std::string value;
};

/// The headers of a request as they came, in two allocations whatever their number.
class RequestHeaders {
 public:
  void Add(std::string_view name, std::string_view value);
  /// The first value under `name` in any case; empty if there is none. Borrowed from this object.
  std::string_view Get(std::string_view name) const;
  size_t Count(std::string_view name) const;
  /// Replaces every value under `name` by one.
  void Set(std::string_view name, std::string_view value);

 private:
  struct Place {
    uint32_t name_begin, name_size, value_size;  // the value follows the name in text_
  };

  std::string_view NameAt(const Place& place) const;

  std::string text_;
  std::vector<Place> places_;
};

struct Request {
  Method method = Method::kOther;
  std::string target =
      {};  // path and query as received, still percent-encoded: "/v1/tasks/1-2?x=1"
  RequestHeaders headers = {};
  std::string body = {};  // whole, chunks already joined
  bool peer_is_loopback = false;

  std::string_view Header(std::string_view name) const { return headers.Get(name); }
  /// The target up to "?", still percent-encoded: the router decodes it segment by segment.
  std::string_view path() const;
  /// The target after "?", empty if there is none; see ParseQuery().
  std::string_view query() const;
};

struct Response {
  int status = 200;
  std::string content_type = {};  // no such header if empty
  std::string body = {};
  /// Beyond Content-Type, Content-Length, Connection and Date, which the server writes itself.
  std::vector<Header> headers = {};
  /// Asking again gives it again, so that a server short of memory may refuse to hold it. Answers
  /// to GET are like that without saying so.
  bool can_be_had_again = false;
};

/// "Not Found" for 404; "Unknown" for a status without a name here.
std::string_view ReasonPhrase(int status);

/// `text` with each %XX replaced by its byte, and with "+" as a space if `plus_is_space`; nothing
/// when a "%" is not followed by two hexadecimal digits.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space);

using QueryParameters = std::map<std::string, std::string, std::less<>>;

/// The decoded parameters of "a=1&b=x%20y"; one without "=" has an empty value. INVALID_ARGUMENT
/// for a broken encoding or a name that comes twice.
Result<QueryParameters> ParseQuery(std::string_view query);

}  // namespace treadle::http
