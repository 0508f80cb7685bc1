#include "http/request_parser.h"

#include <gtest/gtest.h>

#include <vector>

namespace treadle::http {
namespace {

constexpr RequestParser::Limits kLimits = {.header_bytes_max = 1'024, .body_bytes_max = 1'000};

// What a connection would hand on, as text; "refused 400" at the end if it comes to that. The bytes
// arrive in pieces of `piece` bytes.
std::vector<std::string> Requests(std::string_view bytes, size_t piece) {
  std::vector<std::string> seen;
  RequestParser parser(kLimits);
  size_t begin = 0;
  for (size_t end = 0; end < bytes.size();) {
    end = std::min(bytes.size(), end + piece);
    auto progress = RequestParser::Progress::kHeader;
    while (progress != RequestParser::Progress::kNeedMore) {
      size_t consumed = 0;
      progress = parser.Feed(bytes.substr(begin, end - begin), &consumed);
      begin += consumed;
      if (progress == RequestParser::Progress::kRefused) {
        seen.push_back("refused " + std::to_string(parser.refusal().status));
        return seen;
      }
      if (progress != RequestParser::Progress::kComplete) continue;
      const Request& request = parser.request();
      seen.push_back(std::string(MethodName(request.method)) + " " + request.target + " " +
                     std::string(request.Header("Host")) + " " + request.body);
      EXPECT_LE(request.body.size(), kLimits.body_bytes_max);
      parser.Reset();
    }
  }
  return seen;
}

TEST(RequestParser, PiecesOfAnySizeGiveTheSameRequests) {
  const std::string bytes =
      "GET /a HTTP/1.1\r\nHost: one\r\n\r\n"
      "POST /b?c HTTP/1.1\r\nhost: two\r\nContent-Length: 11\r\n\r\nhello\r\n\r\nGE"
      "PUT /d HTTP/1.1\r\nHost: three\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;x=\"y\"\r\nabc\r\nA\r\n0123456789\r\n0\r\nHost: four\r\n\r\n"
      "GET http://five/?q HTTP/1.1\r\nHost: six\r\n\r\n"
      "\x01\r\n\r\n";
  const std::vector<std::string> expected = {"GET /a one ", "POST /b?c two hello\r\n\r\nGE",
                                             "PUT /d three abc0123456789", "GET /?q five ",
                                             "refused 400"};
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    EXPECT_EQ(Requests(bytes, piece), expected) << "in pieces of " << piece;
  }
}

TEST(RequestParser, AnEmptyChunkedBodyMayComeInPiecesOfAnySize) {
  const std::string bytes =
      "POST /a HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
      "POST /c HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n0;x\r\ne: f\r\n\r\n"
      "GET /g HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::vector<std::string> expected = {"POST /a b ", "POST /c d ", "GET /g h "};
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    EXPECT_EQ(Requests(bytes, piece), expected) << "in pieces of " << piece;
  }
}

// Two readers could take them differently: one believes the first, one the last.
TEST(RequestParser, FieldsThatMustBeSingleAreRefusedTwice) {
  for (const char* field :
       {"Host: a", "Authorization: Bearer x", "Origin: http://a", "Content-Length: 0",
        "Transfer-Encoding: chunked", "Content-Type: application/json", "Sec-Fetch-Site: none"}) {
    const std::string host = std::string(field).starts_with("Host") ? "" : "Host: a\r\n";
    const std::string once = "GET / HTTP/1.1\r\n" + host + field + "\r\n";
    const std::string end = "\r\n0\r\n\r\n";
    EXPECT_EQ(Requests(once + end, 10'000).front().substr(0, 3), "GET") << field;
    EXPECT_EQ(Requests(once + field + "\r\n" + end, 10'000).back(), "refused 400") << field;
  }
  EXPECT_EQ(Requests("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx", 10'000).back(),
            "refused 400");
}

TEST(RequestParser, HeadersThatContinueOnASecondLineAreRefused) {
  for (const char* folded : {"Host:\r\n a", "Host: a\r\n\tb", "Host: a\r\nX: y\r\n z",
                             "Host: a\r\nTransfer-Encoding:\r\n chunked",
                             "Host: a\r\nContent-Length:\r\n\t0", " Host: a"}) {
    const std::string bytes = "POST / HTTP/1.1\r\n" + std::string(folded) + "\r\n\r\n0\r\n\r\n";
    for (size_t piece = 1; piece <= bytes.size(); ++piece) {
      EXPECT_EQ(Requests(bytes, piece), std::vector<std::string>{"refused 400"})
          << folded << " in pieces of " << piece;
    }
  }
}

TEST(RequestParser, AHostMustBeNameAndPort) {
  for (const char* host :
       {"[::1]evil.com", "[::1", "a@b", "a:b", "a:1:2", "a/b", "a b", "a:99999", "[1.2.3.4]"}) {
    const std::string bytes = "GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n";
    EXPECT_EQ(Requests(bytes, 10'000), std::vector<std::string>{"refused 400"}) << host;
  }
  const std::string target = "GET http://me@a/ HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_EQ(Requests(target, 10'000), std::vector<std::string>{"refused 400"});
  for (const char* host : {"a", "a:80", "a:", "[::1]", "[::1]:80", "a_b-c.d"}) {
    const std::string bytes = "GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n";
    EXPECT_EQ(Requests(bytes, 10'000),
              std::vector<std::string>{"GET / " + std::string(host) + " "});
  }
}

TEST(RequestParser, AContentEncodingIsRefused) {
  const auto with = [](const std::string& encoding) {
    return Requests("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Encoding: " +
                        encoding + "\r\n\r\nx",
                    10'000);
  };
  for (const char* encoding : {"gzip", "br", "identity, gzip", "what"})
    EXPECT_EQ(with(encoding), std::vector<std::string>{"refused 415"}) << encoding;
  EXPECT_EQ(with("Identity"), std::vector<std::string>{"POST / a x"});
}

TEST(RequestParser, TheExtensionsOfChunksAreBoundedTogether) {
  std::string bytes = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 20; ++i) bytes += "1;" + std::string(100, 'x') + "\r\ny\r\n";
  bytes += "0\r\n\r\n";
  for (const size_t piece : {1u, 7u, 100u, 10'000u})
    EXPECT_EQ(Requests(bytes, piece), std::vector<std::string>{"refused 431"}) << piece;
}

TEST(RequestParser, LimitsHoldForPiecesOfAnySize) {
  const std::string headers = "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(200, 'x') + ": 1\r\n";
  const std::string chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string many_headers = headers;
  while (many_headers.size() < 5'000) many_headers += std::string(200, 'x') + ": 1\r\n";
  std::string many_chunks = chunked;
  for (int i = 0; i < 30; ++i) many_chunks += "64\r\n" + std::string(100, 'x') + "\r\n";
  const std::string chunk_header = chunked + "1;" + std::string(5'000, 'x');
  for (const size_t piece : {1u, 7u, 100u, 1'000u, 10'000u}) {
    EXPECT_EQ(Requests(many_headers, piece), std::vector<std::string>{"refused 431"}) << piece;
    EXPECT_EQ(Requests(many_chunks, piece), std::vector<std::string>{"refused 413"}) << piece;
    EXPECT_EQ(Requests(chunk_header, piece), std::vector<std::string>{"refused 431"}) << piece;
  }
}

TEST(RequestParser, AnAnnouncedBodyClaimsNoMemoryBeforeItComes) {
  RequestParser parser({.header_bytes_max = 1'024, .body_bytes_max = 1'000'000'000});
  size_t consumed = 0;
  const std::string_view head =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\nbody";
  EXPECT_EQ(parser.Feed(head, &consumed), RequestParser::Progress::kHeader);
  EXPECT_TRUE(parser.has_body());
  EXPECT_EQ(parser.Feed(head.substr(consumed), &consumed), RequestParser::Progress::kNeedMore);
  EXPECT_LE(parser.request().body.capacity(), 100'000u);
}

}  // namespace
}  // namespace treadle::http
