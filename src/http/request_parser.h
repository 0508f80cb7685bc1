// RequestParser: the bytes of a connection, into requests. Boost.Beast's parser does the reading;
// this adds bounds on everything that it keeps, refuses what two parsers could read differently
// (request smuggling), and explains each refusal.
//
// No sockets, no clock; one thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "http/message.h"

namespace treadle::http {

class RequestParser {
 public:
  struct Limits {
    size_t header_bytes_max;  // request line and headers; also any one chunk header, and trailers
    size_t body_bytes_max;
  };
  enum class Progress {
    kNeedMore,
    kHeader,    // once for each request: headers() is filled, nothing of the body was looked at
    kComplete,  // request() is whole; Reset() before the next Feed()
    kRefused    // refusal() has the reason; close the connection
  };

  explicit RequestParser(Limits limits);
  ~RequestParser();

  /// Reads from the front of `bytes` and sets `consumed` to how far it got; the rest must come
  /// again, with more behind it. After kHeader call it again, with nothing if need be.
  Progress Feed(std::string_view bytes, size_t* consumed);
  /// Forgets the request and moves to the start of the next.
  void Reset();

  /// After kHeader without a body, after kComplete with it; may be moved from.
  Request& request();
  /// After kHeader: the connection may serve another request after this one.
  bool keep_alive() const;
  bool is_http_1_0() const;
  /// After kHeader: the client waits for "100 Continue" before it sends the body.
  bool expects_continue() const;
  /// After kHeader: there is a body yet to come.
  bool has_body() const;
  /// After kRefused.
  const Response& refusal() const { return refusal_; }

 private:
  class Impl;

  Progress Refuse(int http_status, Code code, std::string_view message);
  Progress RefuseBoostError(int error);
  Progress JudgeHeader();

  const Limits limits_;
  std::unique_ptr<Impl> impl_;
  size_t header_bytes_ = 0;
  char last_header_byte_ = '\0';
  bool header_told_ = false;
  Response refusal_;
};

}  // namespace treadle::http
