#include "http/request_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <optional>

#include "http/problem.h"

namespace treadle::http {
namespace {

namespace beast = boost::beast;
using beast::http::error;
using Text = beast::string_view;

std::string_view View(Text text) { return {text.data(), text.size()}; }

// Memory that a request may claim by its Content-Length alone, before it sends anything.
constexpr size_t kBodyReserveMax = 64 * 1024;

constexpr std::string_view kLastChunk = "0\r\n\r\n";

// Writes straight into a Request, without Beast's own field containers.
class BeastParser final : public beast::http::basic_parser<true> {
 public:
  explicit BeastParser(Request* out) : out_(out) {}

  bool is_http_1_0() const { return version_ == 10; }
  bool expects_continue() const { return expects_continue_; }
  bool has_odd_transfer_encoding() const { return has_odd_transfer_encoding_; }

 private:
  using Error = beast::error_code;
  using Field = beast::http::field;

  void on_request_impl(beast::http::verb, Text method, Text target, int version, Error&) override {
    out_->method = MethodFromName(View(method));
    out_->target = View(target);
    version_ = version;
  }
  void on_response_impl(int, Text, int, Error&) override {}
  // Trailers come here as well, and are dropped: they must not pass for headers that were judged.
  void on_field_impl(Field field, Text name, Text value, Error&) override {
    if (is_header_done()) return;
    out_->headers.Add(View(name), View(value));
    if (field == Field::expect && EqualsIgnoringCase(View(value), "100-continue")) {
      expects_continue_ = true;
    }
    if (field == Field::transfer_encoding && !EqualsIgnoringCase(View(value), "chunked")) {
      has_odd_transfer_encoding_ = true;
    }
  }
  void on_header_impl(Error&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>& size, Error&) override {
    if (size) out_->body.reserve(static_cast<size_t>(std::min<uint64_t>(*size, kBodyReserveMax)));
  }
  size_t on_body_impl(Text bytes, Error&) override {
    out_->body.append(View(bytes));
    return bytes.size();
  }
  void on_chunk_header_impl(uint64_t, Text, Error&) override {}
  size_t on_chunk_body_impl(uint64_t, Text bytes, Error&) override {
    out_->body.append(View(bytes));
    return bytes.size();
  }
  void on_finish_impl(Error&) override {}

  Request* out_;
  int version_ = 11;
  bool expects_continue_ = false;
  bool has_odd_transfer_encoding_ = false;
};

// "http://host:1/x" becomes "/x" with Host "host:1" (RFC 9112 section 3.2.2).
void TakeAuthorityFromTarget(Request* request) {
  constexpr std::string_view kScheme = "http://";
  const std::string_view target = request->target;
  if (!EqualsIgnoringCase(target.substr(0, kScheme.size()), kScheme)) return;
  const std::string_view rest = target.substr(kScheme.size());
  const size_t slash = std::min(rest.find_first_of("/?"), rest.size());
  request->headers.Set("Host", rest.substr(0, slash));
  std::string path(rest.substr(slash));
  if (!path.starts_with('/')) path.insert(0, 1, '/');
  request->target = std::move(path);
}

}  // namespace

class RequestParser::Impl {
 public:
  void Reset(const Limits& limits) {
    request = Request();
    parser.emplace(&request);
    parser->header_limit(static_cast<uint32_t>(limits.header_bytes_max));
    parser->body_limit(limits.body_bytes_max);
  }

  Request request;
  std::optional<BeastParser> parser;
};

RequestParser::RequestParser(Limits limits) : limits_(limits), impl_(std::make_unique<Impl>()) {
  impl_->Reset(limits_);
}
RequestParser::~RequestParser() = default;

Request& RequestParser::request() { return impl_->request; }
bool RequestParser::keep_alive() const { return impl_->parser->keep_alive(); }
bool RequestParser::is_http_1_0() const { return impl_->parser->is_http_1_0(); }
bool RequestParser::expects_continue() const { return impl_->parser->expects_continue(); }
bool RequestParser::has_body() const { return !impl_->parser->is_done(); }

void RequestParser::Reset() {
  impl_->Reset(limits_);
  header_bytes_ = 0;
  header_told_ = false;
}

// Beast bounds the header by what it is shown at once, which a sender of one line at a time never
// exceeds; and chunk headers and trailers not at all. Hence the two counts here.
RequestParser::Progress RequestParser::Feed(std::string_view bytes, size_t* consumed) {
  *consumed = 0;
  BeastParser& parser = *impl_->parser;
  if (parser.is_done()) return Progress::kComplete;
  // Beast ends the process if it is shown the last chunk's "0" and line end, and then a byte more
  // of it alone. What is left of a chunked body is never less than the last chunk.
  if (header_told_ && parser.chunked() && bytes.size() < kLastChunk.size() &&
      bytes.starts_with(kLastChunk[0]))
    return Progress::kNeedMore;
  beast::error_code failure;
  if (!bytes.empty()) *consumed = parser.put({bytes.data(), bytes.size()}, failure);
  if (!header_told_) header_bytes_ += *consumed;
  const size_t held_bytes = bytes.size() - *consumed;
  const bool need_more = failure == error::need_more;
  if (failure && !need_more) return RefuseBoostError(failure.value());
  if (header_bytes_ > limits_.header_bytes_max ||
      (need_more && held_bytes > limits_.header_bytes_max)) {
    return RefuseBoostError(static_cast<int>(error::header_limit));
  }
  if (!header_told_ && parser.is_header_done()) return JudgeHeader();
  return parser.is_done() ? Progress::kComplete : Progress::kNeedMore;
}

RequestParser::Progress RequestParser::JudgeHeader() {
  header_told_ = true;
  Request& request = impl_->request;
  BeastParser& parser = *impl_->parser;
  const size_t hosts = request.headers.Count("Host");
  if (hosts > 1 || (hosts == 0 && !parser.is_http_1_0())) {
    return Refuse(400, Code::kInvalidArgument, "a request names its Host exactly once");
  }
  if (parser.has_odd_transfer_encoding()) {
    return Refuse(501, Code::kUnimplemented, "the only Transfer-Encoding known here is 'chunked'");
  }
  if (parser.is_http_1_0() && parser.chunked()) {
    return Refuse(400, Code::kInvalidArgument, "HTTP/1.0 knows no Transfer-Encoding");
  }
  TakeAuthorityFromTarget(&request);
  parser.eager(true);
  return Progress::kHeader;
}

RequestParser::Progress RequestParser::RefuseBoostError(int error_value) {
  switch (static_cast<error>(error_value)) {
    case error::header_limit:
      return Refuse(431, Code::kResourceExhausted,
                    "the request's headers are larger than " +
                        std::to_string(limits_.header_bytes_max) + " bytes");
    case error::body_limit:
      return Refuse(
          413, Code::kResourceExhausted,
          "the request's body is larger than " + std::to_string(limits_.body_bytes_max) + " bytes");
    default:
      return Refuse(
          400, Code::kInvalidArgument,
          "this is no HTTP request: " +
              beast::error_code(make_error_code(static_cast<error>(error_value))).message());
  }
}

RequestParser::Progress RequestParser::Refuse(int http_status, Code code,
                                              std::string_view message) {
  refusal_ = ProblemResponse(http_status, Status(code, std::string(message)));
  return Progress::kRefused;
}

}  // namespace treadle::http
