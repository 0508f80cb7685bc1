// Certificates, and a server with TLS that returns what it is sent. Only for tests.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace treadle::testing {

template <auto free_one>
struct FreeWith {
  template <class T>
  void operator()(T* one) const {
    free_one(one);
  }
};

/// A certificate with its key, and a file that holds the certificate.
class TestIdentity {
 public:
  struct Options {
    std::string names = "DNS:localhost,IP:127.0.0.1";  // as openssl.cnf has them; empty: none
    int64_t from_s = -3'600;                           // seconds from now
    int64_t until_s = 3'600;
    const TestIdentity* issuer = nullptr;  // null: it signs itself
  };

  explicit TestIdentity(const Options& options)
      : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
    X509* const it = certificate_.get();
    X509_set_version(it, X509_VERSION_3);
    static std::atomic<int> serial = 1;
    ASN1_INTEGER_set(X509_get_serialNumber(it), serial++);
    X509_gmtime_adj(X509_getm_notBefore(it), options.from_s);
    X509_gmtime_adj(X509_getm_notAfter(it), options.until_s);
    X509_set_pubkey(it, key_.get());
    const std::string name = options.issuer == nullptr ? "test CA" : "test server";
    X509_NAME_add_entry_by_txt(X509_get_subject_name(it), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.data()),
                               static_cast<int>(name.size()), -1, 0);
    const TestIdentity& signer = options.issuer == nullptr ? *this : *options.issuer;
    X509_set_issuer_name(it, X509_get_subject_name(signer.certificate_.get()));
    if (options.issuer == nullptr) Extend(NID_basic_constraints, "critical,CA:TRUE");
    if (!options.names.empty()) Extend(NID_subject_alt_name, options.names);
    EXPECT_GT(X509_sign(it, signer.key_.get(), EVP_sha256()), 0);
    Write();
  }
  ~TestIdentity() { unlink(file_.c_str()); }
  TestIdentity(const TestIdentity&) = delete;
  TestIdentity& operator=(const TestIdentity&) = delete;

  const std::string& file() const { return file_; }
  EVP_PKEY* key() const { return key_.get(); }
  X509* certificate() const { return certificate_.get(); }

 private:
  void Extend(int nid, const std::string& value) {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    ASSERT_NE(extension, nullptr) << value;
    X509_add_ext(certificate_.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }

  void Write() {
    std::string path = ::testing::TempDir() + "treadle-ca-XXXXXX";
    const int fd = mkstemp(path.data());
    FILE* const file = fdopen(fd, "w");
    PEM_write_X509(file, certificate_.get());
    fclose(file);
    file_ = path;
  }

  std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>> key_;
  std::unique_ptr<X509, FreeWith<X509_free>> certificate_;
  std::string file_;
};

/// A socket that listens on a free port of 127.0.0.1.
inline int ListenOnLoopback(std::string* port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(listen(listener, 16), 0);
  EXPECT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  *port = std::to_string(ntohs(address.sin_port));
  return listener;
}

/// Answers the first bytes of each connection with `answer`, and closes it; without an answer it
/// stays silent.
class DeafServer {
 public:
  explicit DeafServer(std::optional<std::string> answer)
      : answer_(std::move(answer)), listener_(ListenOnLoopback(&port_)) {
    thread_ = std::thread([this] { Run(); });
  }
  ~DeafServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
    for (const int fd : open_) close(fd);
  }
  DeafServer(const DeafServer&) = delete;
  DeafServer& operator=(const DeafServer&) = delete;

  std::string url() const { return "https://127.0.0.1:" + port_; }
  /// Returns when a connection has sent something.
  void WaitForBytes() { came_.wait(false); }

 private:
  void Run() {
    while (true) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      open_.push_back(fd);
      char bytes[4096];
      (void)recv(fd, bytes, sizeof bytes, 0);
      came_ = true;
      came_.notify_all();
      if (!answer_) continue;
      (void)send(fd, answer_->data(), answer_->size(), MSG_NOSIGNAL);
      shutdown(fd, SHUT_RDWR);
    }
  }

  const std::optional<std::string> answer_;
  std::string port_;
  int listener_;
  std::atomic<bool> came_ = false;
  std::vector<int> open_;  // of the thread
  std::thread thread_;
};

/// Returns the body of each request; to a GET /cut half an answer of no known length. It reads and
/// answers in a thread of each connection.
class TlsTestServer {
 public:
  explicit TlsTestServer(const TestIdentity& identity, int version_max = TLS1_3_VERSION)
      : context_(SSL_CTX_new(TLS_server_method())) {
    SSL_CTX_use_certificate(context_.get(), identity.certificate());
    SSL_CTX_use_PrivateKey(context_.get(), identity.key());
    SSL_CTX_set_security_level(context_.get(), 0);  // old versions, for those who refuse them
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_.get(), version_max);
    listener_ = ListenOnLoopback(&port_);
    acceptor_ = std::thread([this] { Accept(); });
  }
  ~TlsTestServer() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    close(listener_);
    Cut();
    for (std::thread& each : serving_) each.join();
  }
  TlsTestServer(const TlsTestServer&) = delete;
  TlsTestServer& operator=(const TlsTestServer&) = delete;

  std::string url(const std::string& host = "127.0.0.1",
                  const std::string& scheme = "https") const {
    return scheme + "://" + host + ":" + port_;
  }
  int connections() const { return connections_; }
  int requests() const { return requests_; }
  std::string name_asked_for() {
    const std::lock_guard lock(mutex_);
    return name_asked_for_;
  }

  /// Ends all connections without goodbye.
  void Cut() {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_) shutdown(fd, SHUT_RDWR);
  }

 private:
  using Session = std::unique_ptr<SSL, FreeWith<SSL_free>>;

  void Accept() {
    while (true) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      const std::lock_guard lock(mutex_);
      open_.push_back(fd);
      serving_.emplace_back([this, fd] { Serve(fd); });
    }
  }

  void Serve(int fd) {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    ++connections_;
    const Session session(SSL_new(context_.get()));
    SSL_set_fd(session.get(), fd);
    if (SSL_accept(session.get()) == 1) {
      const char* const name = SSL_get_servername(session.get(), TLSEXT_NAMETYPE_host_name);
      {
        const std::lock_guard lock(mutex_);
        name_asked_for_ = name == nullptr ? "" : name;
      }
      while (AnswerNext(session.get())) ++requests_;
    }
    const std::lock_guard lock(mutex_);
    std::erase(open_, fd);
    close(fd);
  }

  static bool AnswerNext(SSL* session) {
    std::string bytes;
    size_t end = std::string::npos;
    while ((end = bytes.find("\r\n\r\n")) == std::string::npos) {
      if (!ReadMore(session, &bytes)) return false;
    }
    const size_t length = std::stoul(bytes.substr(bytes.find("Content-Length: ") + 16));
    while (bytes.size() < end + 4 + length) {
      if (!ReadMore(session, &bytes)) return false;
    }
    if (bytes.starts_with("GET /cut ")) {
      Write(session, "HTTP/1.1 200 OK\r\n\r\nhalf");
      return false;
    }
    return Write(session, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(length) +
                              "\r\n\r\n" + bytes.substr(end + 4));
  }

  static bool ReadMore(SSL* session, std::string* bytes) {
    char space[65536];
    size_t got = 0;
    if (SSL_read_ex(session, space, sizeof space, &got) != 1) return false;
    bytes->append(space, got);
    return true;
  }

  static bool Write(SSL* session, const std::string& bytes) {
    size_t written = 0;
    return SSL_write_ex(session, bytes.data(), bytes.size(), &written) == 1;
  }

  const std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>> context_;
  int listener_ = -1;
  std::string port_;
  std::thread acceptor_;
  std::atomic<int> connections_ = 0;
  std::atomic<int> requests_ = 0;
  std::mutex mutex_;
  std::string name_asked_for_;
  std::vector<int> open_;
  std::vector<std::thread> serving_;
};

}  // namespace treadle::testing
