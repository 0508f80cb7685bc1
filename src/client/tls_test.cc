#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <optional>
#include <string>

#include "client/connection.h"
#include "client/test_server.h"
#include "client/test_tls_server.h"
#include "treadle/client.h"

namespace treadle {
namespace {

using testing::DeafServer;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TestIdentity;
using testing::TestServer;
using testing::TlsTestServer;

constexpr int64_t kLongMs = 20'000;

std::unique_ptr<ServerConnection> TlsClient(const std::string& url, const std::string& ca_file,
                                            int64_t connect_timeout_ms = kLongMs) {
  return *ServerConnection::Make({.server = url,
                                  .token = "s3cret-t0ken",
                                  .connect_timeout_ms = connect_timeout_ms,
                                  .ca_file = ca_file});
}

Status StatusOf(const std::string& url, const std::string& ca_file = "") {
  return TlsClient(url, ca_file)->Call("POST", "/v1/x", "{}", kLongMs).status();
}

std::string FileOf(const std::string& text) {
  std::string path = ::testing::TempDir() + "treadle-tls-XXXXXX";
  close(mkstemp(path.data()));
  std::ofstream(path) << text;
  return path;
}

TEST(Tls, ServersOfATrustedCaAreReachedByNameAndByAddress) {
  const TestIdentity ca({.names = ""});
  const TestIdentity identity({.issuer = &ca});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsTestServer server(identity, version);
    const auto answer =
        TlsClient(server.url(), ca.file())->Call("POST", "/v1/x", "{\"n\":1}", kLongMs);
    ASSERT_TRUE(answer.ok()) << answer.status().ToString();
    EXPECT_EQ(answer->body, "{\"n\":1}");
    EXPECT_EQ(server.name_asked_for(), "") << "addresses are not sent";
    EXPECT_TRUE(StatusOf(server.url("localhost"), ca.file()).ok());
    EXPECT_EQ(server.name_asked_for(), "localhost");
  }
}

TEST(Tls, ACertificateThatCannotBeTrustedIsRefusedWithItsRemedy) {
  constexpr int64_t kDay = 86'400;
  const TestIdentity ca({.names = ""});
  const TestIdentity old_ca({.names = "", .from_s = -2 * kDay, .until_s = -kDay});
  const TestIdentity other({.names = ""});
  struct Fault {
    TestIdentity::Options certificate;
    std::string ca_file;
    std::string why;
  };
  const Fault faults[] = {
      {{}, "", "self-signed certificate; name a file with the certificate of its CA in TREADLE_CA"},
      {{.issuer = &ca}, "", "local issuer certificate; name a file with the certificate of its CA"},
      {{.issuer = &ca}, other.file(), "the certificate of its CA is not in " + other.file()},
      {{.names = "DNS:queue.example,IP:10.0.0.1", .issuer = &ca},
       ca.file(),
       "it names queue.example, 10.0.0.1, not 127.0.0.1; use a name that the certificate has"},
      {{.names = "DNS:a,DNS:b,DNS:c,DNS:d,DNS:e", .issuer = &ca}, ca.file(), "a, b, c and 2 more,"},
      {{.names = "DNS:bad\x1b[31m", .issuer = &ca}, ca.file(), "it names bad?[31m, not"},
      {{.names = "", .issuer = &ca}, ca.file(), "it names no host, not 127.0.0.1"},
      {{.from_s = -2 * kDay, .until_s = -kDay, .issuer = &ca},
       ca.file(),
       "trusted: it expired at 2"},
      {{.from_s = kDay, .until_s = 2 * kDay, .issuer = &ca},
       ca.file(),
       "check the clock of this machine, which shows 2"},
      {{.issuer = &old_ca}, old_ca.file(), "the certificate of the CA that signed it expired at 2"},
  };
  for (const Fault& fault : faults) {
    const TestIdentity identity(fault.certificate);
    TlsTestServer server(identity);
    const Status status = StatusOf(server.url(), fault.ca_file);
    EXPECT_EQ(status.code(), Code::kInternal) << status.ToString();
    EXPECT_THAT(status.message(),
                HasSubstr("the certificate of " + server.url() + " cannot be trusted: "));
    EXPECT_THAT(status.message(), HasSubstr(fault.why));
    EXPECT_THAT(status.message(), Not(HasSubstr("s3cret")));
    EXPECT_EQ(server.requests(), 0) << "the token went to a stranger";
  }
  const TestIdentity identity({.names = "DNS:queue.example", .issuer = &ca});
  TlsTestServer server(identity);
  EXPECT_THAT(StatusOf(server.url("localhost"), ca.file()).message(),
              HasSubstr("it names queue.example, not localhost"));
}

TEST(Tls, AServerWithoutTlsIsNamedAsOne) {
  const DeafServer server("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  const Status status = StatusOf(server.url());
  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_EQ(status.message(), server.url() +
                                  " does not speak TLS. Treadle itself does not: write http://, or "
                                  "name the proxy in front of it");
}

TEST(Tls, AServerWithTlsIsNamedAsOneToWhoSpeaksNone) {
  const TestIdentity identity({});
  TlsTestServer closes(identity);
  const std::string url = closes.url("127.0.0.1", "http");
  EXPECT_EQ(StatusOf(url).message(), "the connection to " + url +
                                         " was closed without an answer; if it speaks TLS, write "
                                         "https://");
  struct Case {
    std::string answer;
    std::string why;
  };
  using std::string_literals::operator""s;
  const Case cases[] = {
      {"\x15\x03\x01\x00\x02\x02\x46"s, " speaks TLS; write https://"},
      {"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
       " speaks TLS; write https://"},
      {"HTTP/1.1 400 X\r\nContent-Length: 49\r\n\r\n"
       "<p>The plain HTTP request was sent to HTTPS port.",
       " speaks TLS; write https://"},
      {"HTTP/1.1 301 X\r\nLocation: https://a/\r\nContent-Length: 0\r\n\r\n",
       " returned a redirect to https; write https://"},
  };
  for (const Case& each : cases) {
    TestServer server;
    auto call = std::async(std::launch::async, [&] { return StatusOf(server.url()); });
    const auto request = server.Next();
    TestServer::Send(request, each.answer);
    TestServer::Break(request);
    const Status status = call.get();
    EXPECT_EQ(status.code(), Code::kInternal);
    EXPECT_EQ(status.message(), server.url() + each.why);
  }
}

TEST(Tls, AServerWithOldVersionsOnlyIsRefused) {
  const TestIdentity identity({});
  TlsTestServer server(identity, TLS1_1_VERSION);
  EXPECT_THAT(StatusOf(server.url(), identity.file()).message(),
              HasSubstr("speaks neither TLS 1.2 nor 1.3"));
}

TEST(Tls, ACaFileThatCannotBeUsedIsRefusedBeforeAnyCall) {
  const TestIdentity identity({});
  std::ifstream good(identity.file());
  const std::string pem((std::istreambuf_iterator<char>(good)), {});
  struct Case {
    std::string path;
    std::string why;
  };
  const Case cases[] = {
      {FileOf("no PEM\n"), "it holds no certificate; it must hold certificates as PEM"},
      {FileOf(pem + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
       "one of its certificates is damaged"},
      {FileOf(pem.substr(0, pem.size() / 2)), "cannot be used"},
      {"/nowhere/ca.pem", "the CA file /nowhere/ca.pem"},
      {"/", "the CA file /"},
  };
  for (const Case& each : cases) {
    const Status status =
        ServerConnection::Make({.server = "https://a", .ca_file = each.path}).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(each.why));
    Client client({.servers = {"https://a"}, .ca_file = each.path});
    EXPECT_EQ(client.Get("1-1").status().message(), status.message());
    EXPECT_TRUE(ServerConnection::Make({.server = "http://a", .ca_file = each.path}).ok())
        << "nobody needs it";
    if (each.path.starts_with(::testing::TempDir())) unlink(each.path.c_str());
  }
}

TEST(Tls, IsPreparedOnceForAllConnectionsAndOnlyForHttps) {
  ConnectionOptions plain{.server = "http://a,b:1", .ca_file = "/nowhere/ca.pem"};
  EXPECT_TRUE(ShareTls(&plain).ok());
  EXPECT_EQ(plain.tls, nullptr);
  ConnectionOptions mixed{.server = "http://a,https://b"};
  EXPECT_TRUE(ShareTls(&mixed).ok());
  const auto prepared = mixed.tls;
  EXPECT_NE(prepared, nullptr);
  EXPECT_TRUE(ShareTls(&mixed).ok());
  EXPECT_EQ(mixed.tls, prepared);
}

TEST(Tls, TheSystemsStoreMayBeNamedByOpenSslsVariable) {
  const TestIdentity identity({});
  TlsTestServer server(identity);
  setenv("SSL_CERT_FILE", identity.file().c_str(), 1);
  EXPECT_TRUE(StatusOf(server.url()).ok());
  unsetenv("SSL_CERT_FILE");
  EXPECT_FALSE(StatusOf(server.url()).ok());
}

TEST(Tls, AClientTakesTheCaFileOfItsOptionsElseOfTheEnvironment) {
  const TestIdentity identity({});
  const TestIdentity other({});
  TlsTestServer server(identity);
  const auto why = [&](const std::string& option, const std::string& variable) {
    setenv("TREADLE_CA_FILE", variable.c_str(), 1);
    Client client({.servers = {server.url()}, .ca_file = option});
    const std::string message = client.Get("1-1").status().message();
    unsetenv("TREADLE_CA_FILE");
    return message;
  };
  EXPECT_THAT(why("", identity.file()), Not(HasSubstr("cannot be trusted")));
  EXPECT_THAT(why(identity.file(), other.file()), Not(HasSubstr("cannot be trusted")));
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THAT(why(other.file(), identity.file()), HasSubstr("cannot be trusted"));
  EXPECT_THAT(why("", other.file()), HasSubstr("cannot be trusted"));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10))
      << "it was tried again, though another try ends the same";
}

TEST(Tls, AKeptConnectionIsUsedAgainAndACutOneIsMadeAgain) {
  const TestIdentity identity({});
  TlsTestServer server(identity);
  const auto client = TlsClient(server.url(), identity.file());
  const auto ask = [&](Repeat repeat) { return client->Call("POST", "/", "{}", kLongMs, repeat); };
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(ask(Repeat::kOnce).ok());
  EXPECT_EQ(server.connections(), 1) << "tickets for later sessions are no news";
  server.Cut();
  ASSERT_TRUE(ask(Repeat::kOnce).ok());
  server.Cut();
  ASSERT_TRUE(ask(Repeat::kSafe).ok());
  EXPECT_EQ(server.connections(), 3);
  EXPECT_EQ(server.requests(), 7);
}

TEST(Tls, LargeBodiesGoBothWaysThroughTls) {
  const TestIdentity identity({});
  TlsTestServer server(identity);
  std::string large;
  for (int i = 0; large.size() < 5'000'000; ++i) large += std::to_string(i);
  const auto answer =
      TlsClient(server.url(), identity.file())->Call("POST", "/", large, 3 * kLongMs);
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ(answer->body, large);
}

TEST(Tls, AnAnswerThatIsCutOffIsNeverTakenForTheWhole) {
  const TestIdentity identity({});
  TlsTestServer server(identity);
  const auto client = TlsClient(server.url(), identity.file());
  const auto answer = client->Call("GET", "/cut", "", kLongMs, Repeat::kOnce);
  EXPECT_EQ(answer.status().code(), Code::kUnavailable) << answer->body;
  EXPECT_EQ(client->delivery(), Delivery::kUnknown);
}

TEST(Tls, AServerThatIsSilentDuringTheHandshakeIsGivenUp) {
  DeafServer server(std::nullopt);
  const auto client = TlsClient(server.url(), "", 50);
  const Status status = client->Call("GET", "/", "", kLongMs).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.message(), "cannot speak TLS with " + server.url() + ": no answer in time");
  EXPECT_EQ(client->delivery(), Delivery::kNotSent);
}

TEST(Tls, CancelEndsAHandshake) {
  DeafServer server(std::nullopt);
  const auto client = TlsClient(server.url(), "");
  auto call = std::async(std::launch::async, [&] { return client->Call("GET", "/", "", kLongMs); });
  server.WaitForBytes();
  client->Cancel();
  EXPECT_EQ(call.get().status().code(), Code::kCancelled);
}

TEST(Tls, AServerThatClosesDuringTheHandshakeIsAskedAgain) {
  const DeafServer server("");
  const Status status = StatusOf(server.url());
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("cannot speak TLS with " + server.url() + ": "));
}

TEST(Tls, AServerThatCannotBeTrustedDoesNotKeepAClientFromTheOthers) {
  const TestIdentity identity({});
  const TestIdentity other({});
  TlsTestServer good(identity);
  TlsTestServer bad(other);
  EXPECT_TRUE(StatusOf(bad.url() + "," + good.url(), identity.file()).ok());
  TestServer away;
  away.Stop();
  const Status status = StatusOf(bad.url() + "," + away.url(), identity.file());
  EXPECT_EQ(status.code(), Code::kUnavailable) << "the other one may return";
  EXPECT_THAT(status.message(), HasSubstr("cannot be trusted"));
  EXPECT_THAT(status.message(), HasSubstr("Connection refused"));
}

}  // namespace
}  // namespace treadle
