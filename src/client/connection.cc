#include "client/connection.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
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

}  // namespace

// Asynchronous operations, each driven to its end by the calling thread, so that a deadline and
// Cancel() can end them.
class ServerConnection::Impl {
 public:
  Impl(ConnectionOptions options, ServerAddress address)
      : options_(std::move(options)), address_(std::move(address)), stream_(io_) {}

  Result<ServerAnswer> Call(std::string_view method, std::string_view target, std::string_view body,
                            int64_t timeout_ms) {
    const TimePoint deadline =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    const Request request = MakeRequest(method, target, body);
    bool was_open = is_open_;
    while (true) {
      if (!is_open_) TREADLE_RETURN_IF_ERROR(Connect(deadline));
      ResponseParser parser;
      parser.body_limit(kResponseBytesMax);
      const error_code error = Exchange(request, &parser, deadline);
      if (!error) return Finish(&parser);
      Close();
      const bool may_repeat =
          was_open && !parser.got_some() && !cancelled_ && error != beast::error::timeout;
      if (!may_repeat) return Failure(error);
      was_open = false;
    }
  }

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
    request.set(http::field::host, address_.Authority());
    request.set(http::field::user_agent, "treadle");
    if (!options_.token.empty())
      request.set(http::field::authorization, "Bearer " + options_.token);
    if (!body.empty()) request.set(http::field::content_type, "application/json");
    request.body() = {body.data(), body.size()};
    request.content_length(body.size());
    return request;
  }

  // Resolving a name is the one step that neither the deadline nor Cancel() can cut short:
  // getaddrinfo(3) cannot.
  Status Connect(TimePoint deadline) {
    error_code error;
    asio::ip::tcp::resolver resolver(io_);
    const auto endpoints = resolver.resolve(address_.host, std::to_string(address_.port), error);
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
      return {Code::kDeadlineExceeded, "no answer in time from " + address_.Url()};
    if (error == http::error::body_limit)
      return {Code::kResourceExhausted, "the answer of " + address_.Url() + " exceeds 64 MiB"};
    if (error == http::error::end_of_stream || error == http::error::partial_message)
      return {Code::kUnavailable, "the connection to " + address_.Url() + " was closed"};
    return {Code::kUnavailable,
            "the connection to " + address_.Url() + " broke: " + error.message()};
  }

  Status Unreachable(error_code error) const {
    const std::string why = error == beast::error::timeout ? "no answer in time" : error.message();
    return {Code::kUnavailable, "cannot reach a Treadle server at " + address_.Url() + ": " + why};
  }

  const ConnectionOptions options_;
  const ServerAddress address_;
  asio::io_context io_{1};
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;  // bytes received and not yet parsed
  bool is_open_ = false;
  std::atomic<bool> cancelled_ = false;
};

ServerConnection::ServerConnection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ServerConnection::~ServerConnection() = default;

Result<std::unique_ptr<ServerConnection>> ServerConnection::Make(ConnectionOptions options) {
  TREADLE_ASSIGN_OR_RETURN(ServerAddress address, ServerAddress::Parse(options.server));
  if (!IsHeaderSafe(options.token))
    return Status(Code::kInvalidArgument, "the token holds white space or control characters");
  return std::unique_ptr<ServerConnection>(
      new ServerConnection(std::make_unique<Impl>(std::move(options), std::move(address))));
}

Result<ServerAnswer> ServerConnection::Call(std::string_view method, std::string_view target,
                                            std::string_view body, int64_t timeout_ms) {
  return impl_->Call(method, target, body, timeout_ms);
}

void ServerConnection::Cancel() { impl_->Cancel(); }

}  // namespace treadle
