#include "http/request_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <optional>

#include "http/authority.h"
#include "http/problem.h"

namespace treadle::http {
namespace {

namespace beast = boost::beast;
using beast::http::error;
using Text = beast::string_view;

std::string_view View(Text text) { return {text.data(), text.size()}; }

// Memory that a request may claim just by its Content-Length, before it sends anything.
constexpr size_t kBodyReserveMax = 64 * 1024;

constexpr std::string_view kLastChunk = "0\r\n\r\n";

// Fields of which a request has one, or two readers of it may believe different ones.
constexpr beast::http::field kSingle[] = {
    beast::http::field::host,           beast::http::field::content_length,
    beast::http::field::authorization,  beast::http::field::transfer_encoding,
    beast::http::field::origin,         beast::http::field::content_type,
    beast::http::field::sec_fetch_site, beast::http::field::content_encoding};

// Writes straight into a Request, without Beast's own field containers.
class BeastParser final : public beast::http::basic_parser<true> {
 public:
  explicit BeastParser(Request* out) : out_(out) {}

  bool is_http_1_0() const { return version_ == 10; }
  bool expects_continue() const { return expects_continue_; }
  bool has_odd_transfer_encoding() const { return has_odd_transfer_encoding_; }
  bool has_odd_length() const { return has_odd_length_; }
  bool has_content_encoding() const { return has_content_encoding_; }
  /// The name of a field that came twice; empty if none did.
  const std::string& repeated() const { return repeated_; }
  size_t chunk_extension_bytes() const { return chunk_extension_bytes_; }

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
    const auto* const single = std::ranges::find(kSingle, field);
    if (single != std::end(kSingle)) CountSingle(single - std::begin(kSingle), name);
    if (field == Field::content_length &&
        View(value).find_first_not_of("0123456789") != std::string_view::npos) {
      has_odd_length_ = true;  // "5, 5"
    }
    if (field == Field::content_encoding && !EqualsIgnoringCase(View(value), "identity")) {
      has_content_encoding_ = true;
    }
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
  void on_chunk_header_impl(uint64_t, Text extensions, Error&) override {
    chunk_extension_bytes_ += extensions.size();
  }
  size_t on_chunk_body_impl(uint64_t, Text bytes, Error&) override {
    out_->body.append(View(bytes));
    return bytes.size();
  }
  void on_finish_impl(Error&) override {}

  void CountSingle(ptrdiff_t place, Text name) {
    const uint32_t bit = uint32_t{1} << place;
    if ((seen_ & bit) != 0) repeated_ = View(name);
    seen_ |= bit;
  }

  Request* out_;
  int version_ = 11;
  uint32_t seen_ = 0;  // of kSingle, a bit each
  std::string repeated_;
  size_t chunk_extension_bytes_ = 0;
  bool has_odd_length_ = false;
  bool has_content_encoding_ = false;
  bool expects_continue_ = false;
  bool has_odd_transfer_encoding_ = false;
};

// Whether a line among `bytes`, the next of a header of which `last` came before, begins with white
// space: it would continue the line above (RFC 9112 section 5.2), for those who know of it.
bool HoldsFold(char last, std::string_view bytes) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  if (last == '\n' && !bytes.empty() && is_space(bytes.front())) return true;
  for (size_t at = bytes.find('\n'); at != std::string_view::npos; at = bytes.find('\n', at + 1))
    if (at + 1 < bytes.size() && is_space(bytes[at + 1])) return true;
  return false;
}

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
  last_header_byte_ = '\0';
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
  if (!header_told_ && *consumed > 0) {
    if (HoldsFold(last_header_byte_, bytes.substr(0, *consumed)))
      return Refuse(400, Code::kInvalidArgument, "a header continues on a second line (obs-fold)");
    header_bytes_ += *consumed;
    last_header_byte_ = bytes[*consumed - 1];
  }
  const size_t held_bytes = bytes.size() - *consumed;
  const bool need_more = failure == error::need_more;
  if (failure && !need_more) return RefuseBoostError(failure.value());
  if (header_bytes_ > limits_.header_bytes_max ||
      (need_more && held_bytes > limits_.header_bytes_max)) {
    return RefuseBoostError(static_cast<int>(error::header_limit));
  }
  if (parser.chunk_extension_bytes() > limits_.header_bytes_max)
    return Refuse(431, Code::kResourceExhausted,
                  "the chunk extensions of the body are larger than " +
                      std::to_string(limits_.header_bytes_max) + " bytes");
  if (!header_told_ && parser.is_header_done()) return JudgeHeader();
  return parser.is_done() ? Progress::kComplete : Progress::kNeedMore;
}

RequestParser::Progress RequestParser::JudgeHeader() {
  header_told_ = true;
  Request& request = impl_->request;
  BeastParser& parser = *impl_->parser;
  if (!parser.repeated().empty()) {
    return Refuse(400, Code::kInvalidArgument,
                  "the header " + parser.repeated() + " comes twice; send it once");
  }
  if (parser.has_odd_length()) {
    return Refuse(400, Code::kInvalidArgument, "the Content-Length must be one number");
  }
  if (request.headers.Count("Host") == 0 && !parser.is_http_1_0()) {
    return Refuse(400, Code::kInvalidArgument, "the Host header is missing");
  }
  if (parser.has_odd_transfer_encoding()) {
    return Refuse(501, Code::kUnimplemented, "the only supported Transfer-Encoding is 'chunked'");
  }
  if (parser.is_http_1_0() && parser.chunked()) {
    return Refuse(400, Code::kInvalidArgument, "HTTP/1.0 does not have Transfer-Encoding");
  }
  TakeAuthorityFromTarget(&request);
  if (const std::string_view host = request.Header("Host"); !host.empty() && !ParseAuthority(host))
    return Refuse(400, Code::kInvalidArgument, "the Host must look like name:port");
  if (parser.has_content_encoding()) {
    Refuse(
        415, Code::kInvalidArgument,
        "the body has a Content-Encoding, which this server does not support: send it unencoded");
    refusal_.headers.push_back({"Accept-Encoding", "identity"});
    return Progress::kRefused;
  }
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
          413, Code::kInvalidArgument,
          "the request's body is larger than " + std::to_string(limits_.body_bytes_max) + " bytes");
    default:
      return Refuse(
          400, Code::kInvalidArgument,
          "this is not a valid HTTP request: " +
              beast::error_code(make_error_code(static_cast<error>(error_value))).message());
  }
}

RequestParser::Progress RequestParser::Refuse(int http_status, Code code,
                                              std::string_view message) {
  refusal_ = ProblemResponse(http_status, Status(code, std::string(message)));
  return Progress::kRefused;
}

}  // namespace treadle::http
