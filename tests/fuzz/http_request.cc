// Requests from the network: the parser, with whole and with split input, then guard, router, query
// and the head of a response. An input is a line whose bytes are the sizes of the pieces, followed
// by what a client sends.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "http/guard.h"
#include "http/read_buffer.h"
#include "http/request_parser.h"
#include "http/response_head.h"
#include "http/router.h"
#include "tests/fuzz/fuzz_target.h"

namespace treadle::fuzz {
namespace {

using http::Request;
using http::RequestParser;
using Progress = RequestParser::Progress;

constexpr RequestParser::Limits kLimits = {.header_bytes_max = 512, .body_bytes_max = 256};

// How a connection understands the bytes.
struct Heard {
  std::vector<Request> requests;
  std::vector<std::string> facts;  // of each request
  bool refused = false;
};

void HearRequest(RequestParser* parser, Heard* heard) {
  Request& request = parser->request();
  TREADLE_CHECK(request.body.size() <= kLimits.body_bytes_max);
  TREADLE_CHECK(!parser->has_body());
  TREADLE_CHECK(request.headers.Count("Host") <= 1);
  std::string facts(http::MethodName(request.method));
  facts.append(" ").append(request.target).append(" ").append(request.Header("host"));
  facts.append(" ").append(request.Header("content-type")).append(" ").append(request.body);
  facts.append(parser->keep_alive() ? " kept" : "").append(parser->is_http_1_0() ? " 1.0" : "");
  facts.append(parser->expects_continue() ? " expects" : "");
  heard->facts.push_back(std::move(facts));
  heard->requests.push_back(std::move(request));
  parser->Reset();
}

// Works like Connection::Parse(), on the contents of the buffer.
void Parse(RequestParser* parser, http::ReadBuffer* received, Heard* heard) {
  while (true) {
    size_t consumed = 0;
    const Progress progress = parser->Feed(received->view(), &consumed);
    received->Consume(consumed);
    if (progress == Progress::kNeedMore) return;
    if (progress == Progress::kRefused) {
      TREADLE_CHECK(parser->refusal().status >= 400 && !parser->refusal().body.empty());
      heard->refused = true;
      return;
    }
    if (progress == Progress::kComplete) HearRequest(parser, heard);
  }
}

Heard Hear(std::string_view bytes, std::string_view pieces) {
  Heard heard;
  RequestParser parser(kLimits);
  http::ReadBuffer received;
  for (size_t piece = 0; !bytes.empty() && !heard.refused; ++piece) {
    const size_t wanted =
        pieces.empty() ? bytes.size() : 1 + static_cast<uint8_t>(pieces[piece % pieces.size()]);
    const size_t size = std::min(wanted, bytes.size());
    received.Space(size);
    std::copy_n(bytes.data(), size, received.SpaceBegin());
    received.Commit(size);
    bytes.remove_prefix(size);
    Parse(&parser, &received, &heard);
  }
  return heard;
}

// Checks that every request is answered exactly once.
class AnswerSink final : public http::ResponderSink {
 public:
  void Deliver(uint64_t, http::Response response, Done done) override {
    TREADLE_CHECK(++answers_ == 1);
    response_ = std::move(response);
    if (done) done(true);
  }
  void WatchDisconnect(uint64_t, std::function<void()>) override {}
  void Run(std::function<void()> work) override { work(); }

  int answers() const { return answers_; }
  const http::Response& response() const { return response_; }

 private:
  int answers_ = 0;
  http::Response response_;
};

const http::Router& Routes() {
  static const std::unique_ptr<http::Router> router = [] {
    auto made = std::make_unique<http::Router>();
    const auto echo = [](const http::RequestContext& context, http::Responder responder) {
      const auto& parameters = context.path_parameters;
      responder.Send({.body = parameters.empty() ? "" : parameters.front().second});
    };
    for (const char* pattern : {"/v1/tasks", "/v1/tasks/batch", "/v1/tasks/{id}",
                                "/v1/tasks/{id}/payload", "/v1/types/{type}/contracts/{version}"}) {
      made->Add(http::Method::kGet, pattern, echo);
      made->Add(http::Method::kPost, pattern, echo);
    }
    return made;
  }();
  return *router;
}

// Status line and headers: no value may end a line early.
void CheckHead(const http::Response& response) {
  std::string head;
  http::FormatResponseHead(response, {.keep_alive = true, .is_http_1_0 = false, .date = "now"},
                           &head);
  TREADLE_CHECK(head.find("\r\n\r\n") == head.size() - 4);
  const auto lines = static_cast<size_t>(std::ranges::count(head, '\n'));
  TREADLE_CHECK(lines == static_cast<size_t>(std::ranges::count(head, '\r')));
  // The status, an empty line, Content-Type, Content-Length, Connection and Date.
  TREADLE_CHECK(lines <= 6 + response.headers.size());
}

void Serve(const Request& request) {
  static const http::Guard guard({.listen_host = "127.0.0.1",
                                  .allowed_hosts = {"treadle.example", "[::2]:1"},
                                  .token = "secret"});
  if (const auto refusal = guard.Check(request)) CheckHead(*refusal);
  const auto query = http::ParseQuery(request.query());
  TREADLE_CHECK(query.ok() || query.status().code() == Code::kInvalidArgument);
  const auto sink = std::make_shared<AnswerSink>();
  Routes().Dispatch(request, http::Responder(sink, 1));
  TREADLE_CHECK(sink->answers() == 1);
  http::Response response = sink->response();
  response.content_type = std::string(request.Header("content-type"));
  response.headers.push_back({"Location", request.target + response.body + request.body});
  CheckHead(response);
}

}  // namespace

TREADLE_FUZZ_TARGET(http_request) {
  Input in(input);
  const std::string_view pieces = in.Line();
  const std::string_view bytes = in.Rest();
  const Heard whole = Hear(bytes, "");
  const Heard cut = Hear(bytes, pieces);
  // The whole input may be rejected at once where the split one waits for more until the request
  // times out, or the other way round. But what is accepted must be the same.
  TREADLE_CHECK(whole.facts == cut.facts);
  for (const Request& request : whole.requests) Serve(request);
}

}  // namespace treadle::fuzz
