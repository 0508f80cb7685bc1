#include "client/connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "client/channel.h"
#include "client/problem.h"
#include "client/server_address.h"
#include "client/tls_context.h"

namespace treadle {
namespace {

namespace http = boost::beast::http;
using TimePoint = Channel::TimePoint;

constexpr uint64_t kResponseBytesMax = uint64_t{64} << 20;
constexpr size_t kReadBytes = size_t{64} << 10;

using ResponseParser = http::response_parser<http::string_body>;

bool IsHeaderSafe(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c < 0x21 || c == 0x7f; });
}

std::string ToLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return lower;
}

ServerAnswer Unpack(ResponseParser::value_type&& answer) {
  ServerAnswer response{.http_status = static_cast<int>(answer.result_int())};
  for (const auto& field : answer) {
    response.headers.emplace_back(ToLower(field.name_string()), field.value());
  }
  response.content_type = answer[http::field::content_type];
  response.body = std::move(answer).body();
  return response;
}

// What servers with TLS answer to a request without: an alert or a handshake ...
bool IsTlsRecord(std::string_view bytes) {
  return bytes.size() >= 2 && (bytes[0] == 0x15 || bytes[0] == 0x16) && bytes[1] == 0x03;
}

// ... or words: those of nginx, Go and Apache.
bool SaysThatItSpeaksTls(const ServerAnswer& answer) {
  return answer.http_status == 400 &&
         (answer.body.find("plain HTTP request was sent to HTTPS port") != std::string::npos ||
          answer.body.find("HTTP request to an HTTPS server") != std::string::npos ||
          answer.body.find("plain HTTP to an SSL-enabled server") != std::string::npos);
}

bool LeadsToTls(const ServerAnswer& answer) {
  return std::any_of(answer.headers.begin(), answer.headers.end(), [](const auto& header) {
    return header.first == "location" && header.second.starts_with("https://");
  });
}

Result<std::vector<ServerAddress>> ParseAll(std::string_view servers) {
  std::vector<ServerAddress> addresses;
  while (true) {
    const size_t comma = std::min(servers.find(','), servers.size());
    TREADLE_ASSIGN_OR_RETURN(ServerAddress address, ServerAddress::Parse(servers.substr(0, comma)));
    addresses.push_back(std::move(address));
    if (comma == servers.size()) return addresses;
    servers.remove_prefix(comma + 1);
  }
}

}  // namespace

class ServerConnection::Impl {
 public:
  Impl(ConnectionOptions options, std::vector<ServerAddress> addresses)
      : options_(std::move(options)), addresses_(std::move(addresses)) {}

  Result<ServerAnswer> Call(std::string_view method, std::string_view target, std::string_view body,
                            int64_t timeout_ms, Repeat repeat) {
    const TimePoint deadline =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    delivery_ = Delivery::kNotSent;
    bool was_open = channel_.is_open();
    while (true) {
      if (repeat == Repeat::kOnce && channel_.is_open() && channel_.HasNews()) channel_.Close();
      if (!channel_.is_open()) TREADLE_RETURN_IF_ERROR(ConnectToAny(deadline));
      ResponseParser parser;
      parser.eager(true);
      parser.body_limit(kResponseBytesMax);
      delivery_ = Delivery::kUnknown;
      const std::error_code error = Exchange(method, target, body, &parser, deadline);
      if (!error) {
        delivery_ = Delivery::kAnswered;
        return Finish(&parser);
      }
      channel_.Close();
      const bool may_repeat = repeat == Repeat::kSafe && was_open && !parser.got_some() &&
                              error != std::errc::operation_canceled &&
                              error != std::errc::stream_timeout;
      if (!may_repeat) return Failure(error);
      was_open = false;
    }
  }

  Delivery delivery() const { return delivery_; }

  std::string url() const { return address().Url(); }

  void Cancel() { channel_.Cancel(); }

 private:
  std::string HeadOf(std::string_view method, std::string_view target,
                     std::string_view body) const {
    std::string head(method);
    head.append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(address().Authority());
    head.append("\r\nUser-Agent: treadle");
    if (!options_.token.empty()) head.append("\r\nAuthorization: Bearer ").append(options_.token);
    if (!body.empty()) head.append("\r\nContent-Type: application/json");
    return head.append("\r\nContent-Length: ")
        .append(std::to_string(body.size()))
        .append("\r\n\r\n");
  }

  const ServerAddress& address() const { return addresses_[current_]; }

  // A server that cannot be trusted does not keep us from the others. If another one is away, it is
  // worth another try.
  Status ConnectToAny(TimePoint deadline) {
    Status failure;
    for (size_t i = 0; i < addresses_.size(); ++i) {
      Status status = Connect(deadline);
      if (status.code() != Code::kUnavailable && status.code() != Code::kInternal) return status;
      current_ = (current_ + 1) % addresses_.size();
      if (failure.ok()) {
        failure = std::move(status);
      } else if (failure.code() != status.code()) {
        failure = {Code::kUnavailable, failure.message() + "; " + status.message()};
      } else {
        failure = std::move(status);
      }
    }
    return failure;
  }

  // Resolving a name is the one step that neither the deadline nor Cancel() can cut short.
  Status Connect(TimePoint deadline) {
    const auto found = Resolve(address().host, address().port);
    if (!found.ok()) return Unreachable(found.status().message());
    const TimePoint connect_deadline =
        std::min(deadline, std::chrono::steady_clock::now() +
                               std::chrono::milliseconds(options_.connect_timeout_ms));
    const std::error_code error = channel_.Connect(found->get(), connect_deadline);
    if (error == std::errc::operation_canceled) return Failure(error);
    if (error == std::errc::stream_timeout) return Unreachable("no answer in time");
    if (error) return Unreachable(error.message());
    unread_ = {};
    is_at_end_ = false;
    is_new_ = true;
    is_tls_record_ = false;
    if (!address().is_tls) return {};
    return channel_.Secure(*options_.tls, address(), connect_deadline);
  }

  std::error_code Exchange(std::string_view method, std::string_view target, std::string_view body,
                           ResponseParser* parser, TimePoint deadline) {
    if (channel_.is_cancelled()) return std::make_error_code(std::errc::operation_canceled);
    std::string head = HeadOf(method, target, body);
    iovec parts[] = {{head.data(), head.size()}, {const_cast<char*>(body.data()), body.size()}};
    if (const std::error_code error = channel_.Send(parts, deadline)) return error;
    bool is_first = true;
    while (!parser->is_done()) {
      if (const std::error_code error = ReadMore(!std::exchange(is_first, false), deadline))
        return error;
      if (const std::error_code error = Parse(parser)) return error;
    }
    return {};
  }

  // What was not parsed yet stays in front.
  std::error_code ReadMore(bool is_likely_there, TimePoint deadline) {
    std::copy(unread_.begin(), unread_.end(), buffer_.begin());
    const std::span<char> space = std::span(buffer_).subspan(unread_.size());
    if (space.empty()) return std::make_error_code(std::errc::message_size);  // an endless head
    size_t received = 0;
    const std::error_code error = channel_.Receive(space, is_likely_there, deadline, &received);
    if (error) return error;
    is_at_end_ = received == 0;
    is_new_ = is_new_ && is_at_end_;
    unread_ = {buffer_.data(), unread_.size() + received};
    return {};
  }

  std::error_code Parse(ResponseParser* parser) {
    boost::system::error_code error;
    is_tls_record_ = !parser->got_some() && IsTlsRecord(unread_);
    if (is_tls_record_) return http::make_error_code(http::error::bad_version);
    while (!unread_.empty() && !parser->is_done() && !error)
      unread_.remove_prefix(
          parser->put(boost::asio::const_buffer(unread_.data(), unread_.size()), error));
    if (error == http::error::need_more) error = {};
    if (!error && is_at_end_ && !parser->is_done()) {
      if (!parser->got_some()) return http::make_error_code(http::error::end_of_stream);
      parser->put_eof(error);
    }
    return error;
  }

  Result<ServerAnswer> Finish(ResponseParser* parser) {
    // What nobody asked for is no answer to the next request.
    if (!parser->keep_alive() || !unread_.empty()) channel_.Close();
    ServerAnswer response = Unpack(parser->release());
    if (response.http_status >= 300 && response.http_status < 400 && LeadsToTls(response))
      return Status(Code::kInternal,
                    address().Url() + " returned a redirect to https; write https://");
    if (response.http_status >= 300 && response.http_status < 400)
      return Status(Code::kInternal, address().Url() + " returned a redirect, HTTP " +
                                         std::to_string(response.http_status) +
                                         "; is it a Treadle server? Check the address");
    if (SaysThatItSpeaksTls(response)) return SpeaksTls();
    if (response.http_status >= 400) return StatusFromProblem(response.http_status, response.body);
    return response;
  }

  Status Failure(std::error_code error) const {
    if (error == std::errc::operation_canceled) return {Code::kCancelled, "the call was cancelled"};
    if (error == std::errc::stream_timeout)
      return {Code::kDeadlineExceeded, "no answer in time from " + address().Url()};
    if (error == http::make_error_code(http::error::body_limit))
      return {Code::kResourceExhausted, "the response from " + address().Url() + " exceeds 64 MiB"};
    if (is_tls_record_ && !address().is_tls) return SpeaksTls();
    if (is_new_ && !address().is_tls && (is_at_end_ || error == std::errc::connection_reset))
      return {Code::kUnavailable, "the connection to " + address().Url() +
                                      " was closed without an answer; if it speaks TLS, write "
                                      "https://"};
    if (is_at_end_)
      return {Code::kUnavailable, "the connection to " + address().Url() + " was closed"};
    return {Code::kUnavailable,
            "the connection to " + address().Url() + " failed: " + error.message()};
  }

  Status SpeaksTls() const {
    return {Code::kInternal, address().Url() + " speaks TLS; write https://"};
  }

  Status Unreachable(const std::string& why) const {
    return {Code::kUnavailable, "cannot reach a Treadle server at " + address().Url() + ": " + why};
  }

  const ConnectionOptions options_;  // with `tls`, if an address needs it
  const std::vector<ServerAddress> addresses_;
  size_t current_ = 0;  // of addresses_: where the connection is, or is made next
  Delivery delivery_ = Delivery::kNotSent;
  Channel channel_;
  std::vector<char> buffer_ = std::vector<char>(kReadBytes);
  std::string_view unread_;     // of buffer_: received and not yet parsed
  bool is_at_end_ = false;      // the server has closed the connection
  bool is_new_ = true;          // nothing came on this connection yet
  bool is_tls_record_ = false;  // what came looks like one, and not like HTTP
};

ServerConnection::ServerConnection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ServerConnection::~ServerConnection() = default;

Status ShareTls(ConnectionOptions* options) {
  TREADLE_ASSIGN_OR_RETURN(const std::vector<ServerAddress> addresses, ParseAll(options->server));
  const bool is_needed = std::any_of(addresses.begin(), addresses.end(),
                                     [](const ServerAddress& each) { return each.is_tls; });
  if (!is_needed || options->tls != nullptr) return {};
  TREADLE_ASSIGN_OR_RETURN(options->tls, TlsContext::Make(options->ca_file));
  return {};
}

Result<std::unique_ptr<ServerConnection>> ServerConnection::Make(ConnectionOptions options) {
  TREADLE_RETURN_IF_ERROR(ShareTls(&options));
  TREADLE_ASSIGN_OR_RETURN(std::vector<ServerAddress> addresses, ParseAll(options.server));
  if (!IsHeaderSafe(options.token))
    return Status(Code::kInvalidArgument, "the token contains white space or control characters");
  return std::unique_ptr<ServerConnection>(
      new ServerConnection(std::make_unique<Impl>(std::move(options), std::move(addresses))));
}

Result<ServerAnswer> ServerConnection::Call(std::string_view method, std::string_view target,
                                            std::string_view body, int64_t timeout_ms,
                                            Repeat repeat) {
  return impl_->Call(method, target, body, timeout_ms, repeat);
}

Delivery ServerConnection::delivery() const { return impl_->delivery(); }

std::string ServerConnection::url() const { return impl_->url(); }

void ServerConnection::Cancel() { impl_->Cancel(); }

}  // namespace treadle
