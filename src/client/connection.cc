#include "client/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "client/problem.h"
#include "client/server_address.h"

namespace treadle {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using TimePoint = std::chrono::steady_clock::time_point;

constexpr uint64_t kResponseBytesMax = uint64_t{64} << 20;

using Request = http::request<http::span_body<const char>>;
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

// Asynchronous operations, each driven to its end by the calling thread, so that a deadline and
// Cancel() can end them.
class ServerConnection::Impl {
 public:
  Impl(ConnectionOptions options, std::vector<ServerAddress> addresses)
      : options_(std::move(options)), addresses_(std::move(addresses)), stream_(io_) {}

  Result<ServerAnswer> Call(std::string_view method, std::string_view target, std::string_view body,
                            int64_t timeout_ms, Repeat repeat) {
    const TimePoint deadline =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    delivery_ = Delivery::kNotSent;
    bool was_open = is_open_;
    while (true) {
      if (repeat == Repeat::kOnce && is_open_ && WasClosedByServer()) Close();
      if (!is_open_) TREADLE_RETURN_IF_ERROR(ConnectToAny(deadline));
      ResponseParser parser;
      parser.body_limit(kResponseBytesMax);
      const Request request = MakeRequest(method, target, body);
      delivery_ = Delivery::kUnknown;
      const error_code error = Exchange(request, &parser, deadline);
      if (!error) {
        delivery_ = Delivery::kAnswered;
        return Finish(&parser);
      }
      Close();
      const bool may_repeat = repeat == Repeat::kSafe && was_open && !parser.got_some() &&
                              !cancelled_ && error != beast::error::timeout;
      if (!may_repeat) return Failure(error);
      was_open = false;
    }
  }

  Delivery delivery() const { return delivery_; }

  void Cancel() {
    cancelled_ = true;
    asio::post(io_, [this] { Close(); });
  }

 private:
  Request MakeRequest(std::string_view method, std::string_view target,
                      std::string_view body) const {
    Request request;
    request.method_string(beast::string_view(method.data(), method.size()));
    request.target(beast::string_view(target.data(), target.size()));
    request.version(11);
    request.set(http::field::host, address().Authority());
    request.set(http::field::user_agent, "treadle");
    if (!options_.token.empty())
      request.set(http::field::authorization, "Bearer " + options_.token);
    if (!body.empty()) request.set(http::field::content_type, "application/json");
    request.body() = {body.data(), body.size()};
    request.content_length(body.size());
    return request;
  }

  const ServerAddress& address() const { return addresses_[current_]; }

  Status ConnectToAny(TimePoint deadline) {
    Status status = Connect(deadline);
    for (size_t i = 1; i < addresses_.size() && status.code() == Code::kUnavailable; ++i) {
      current_ = (current_ + 1) % addresses_.size();
      status = Connect(deadline);
    }
    if (status.code() == Code::kUnavailable) current_ = (current_ + 1) % addresses_.size();
    return status;
  }

  // A kept connection whose end the server has closed, or which it has sent something unasked.
  bool WasClosedByServer() {
    char byte = 0;
    const ssize_t got = recv(stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
  }

  // Resolving a name is the one step that neither the deadline nor Cancel() can cut short:
  // getaddrinfo(3) cannot.
  Status Connect(TimePoint deadline) {
    error_code error;
    asio::ip::tcp::resolver resolver(io_);
    const auto endpoints = resolver.resolve(address().host, std::to_string(address().port), error);
    if (error) return Unreachable(error);
    const TimePoint connect_deadline =
        std::min(deadline, std::chrono::steady_clock::now() +
                               std::chrono::milliseconds(options_.connect_timeout_ms));
    error = Drive(connect_deadline, [&](auto done) { stream_.async_connect(endpoints, done); });
    if (cancelled_) return Failure(error);
    if (error) {
      Close();
      return Unreachable(error);
    }
    error_code ignored;
    stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
    buffer_.clear();
    is_open_ = true;
    return Status::Ok();
  }

  error_code Exchange(const Request& request, ResponseParser* parser, TimePoint deadline) {
    const error_code error =
        Drive(deadline, [&](auto done) { http::async_write(stream_, request, done); });
    if (error) return error;
    return Drive(deadline, [&](auto done) { http::async_read(stream_, buffer_, *parser, done); });
  }

  // Starts an operation with a completion handler and runs it to its end.
  template <class Start>
  error_code Drive(TimePoint deadline, Start start) {
    error_code result = asio::error::operation_aborted;
    if (cancelled_) return result;
    stream_.expires_at(deadline);
    start([&result](error_code error, const auto&...) { result = error; });
    io_.restart();
    io_.run();
    return result;
  }

  Result<ServerAnswer> Finish(ResponseParser* parser) {
    if (!parser->keep_alive()) Close();
    ServerAnswer response = Unpack(parser->release());
    if (response.http_status >= 400) return StatusFromProblem(response.http_status, response.body);
    return response;
  }

  void Close() {
    stream_.close();
    is_open_ = false;
  }

  Status Failure(error_code error) const {
    if (cancelled_) return {Code::kCancelled, "the call was cancelled"};
    if (error == beast::error::timeout)
      return {Code::kDeadlineExceeded, "no answer in time from " + address().Url()};
    if (error == http::error::body_limit)
      return {Code::kResourceExhausted, "the answer of " + address().Url() + " exceeds 64 MiB"};
    if (error == http::error::end_of_stream || error == http::error::partial_message)
      return {Code::kUnavailable, "the connection to " + address().Url() + " was closed"};
    return {Code::kUnavailable,
            "the connection to " + address().Url() + " broke: " + error.message()};
  }

  Status Unreachable(error_code error) const {
    const std::string why = error == beast::error::timeout ? "no answer in time" : error.message();
    return {Code::kUnavailable, "cannot reach a Treadle server at " + address().Url() + ": " + why};
  }

  const ConnectionOptions options_;
  const std::vector<ServerAddress> addresses_;
  size_t current_ = 0;  // of addresses_: where the connection is, or is made next
  Delivery delivery_ = Delivery::kNotSent;
  asio::io_context io_{1};
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;  // bytes received and not yet parsed
  bool is_open_ = false;
  std::atomic<bool> cancelled_ = false;
};

ServerConnection::ServerConnection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ServerConnection::~ServerConnection() = default;

Result<std::unique_ptr<ServerConnection>> ServerConnection::Make(ConnectionOptions options) {
  TREADLE_ASSIGN_OR_RETURN(std::vector<ServerAddress> addresses, ParseAll(options.server));
  if (!IsHeaderSafe(options.token))
    return Status(Code::kInvalidArgument, "the token holds white space or control characters");
  return std::unique_ptr<ServerConnection>(
      new ServerConnection(std::make_unique<Impl>(std::move(options), std::move(addresses))));
}

Result<ServerAnswer> ServerConnection::Call(std::string_view method, std::string_view target,
                                            std::string_view body, int64_t timeout_ms,
                                            Repeat repeat) {
  return impl_->Call(method, target, body, timeout_ms, repeat);
}

Delivery ServerConnection::delivery() const { return impl_->delivery(); }

void ServerConnection::Cancel() { impl_->Cancel(); }

}  // namespace treadle
