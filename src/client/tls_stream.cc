#include "client/tls_stream.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "base/time.h"

namespace treadle {
namespace {

constexpr size_t kRecordBytes = size_t{16} << 10;  // the most that one record carries
constexpr size_t kNamesShownMax = 3;

// The reasons of libssl, as codes.
class TlsCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "tls"; }
  std::string message(int reason) const override {
    const char* const text = ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, reason));
    return text == nullptr ? "TLS error " + std::to_string(reason) : text;
  }
};

const std::error_category& Category() {
  static const TlsCategory category;
  return category;
}

// What OpenSSL put down last. What it left of errors would be taken for those of the next call.
std::error_code TakeError() {
  const auto error = ERR_peek_error();
  ERR_clear_error();
  if (ERR_GET_LIB(error) == ERR_LIB_SSL) return {ERR_GET_REASON(error), Category()};
  return std::make_error_code(std::errc::protocol_error);
}

bool IsReason(std::error_code error, std::initializer_list<int> reasons) {
  return error.category() == Category() &&
         std::find(reasons.begin(), reasons.end(), error.value()) != reasons.end();
}

// OpenSSL's own BIO of sockets would raise SIGPIPE in programs that do not ignore it.
Socket* SocketOf(BIO* bio) { return static_cast<Socket*>(BIO_get_data(bio)); }

int Transferred(BIO* bio, ssize_t result, void (*retry)(BIO*)) {
  BIO_clear_retry_flags(bio);
  if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) retry(bio);
  return static_cast<int>(result);
}

int WriteBio(BIO* bio, const char* bytes, int size) {
  ssize_t sent = 0;
  do {
    sent = send(SocketOf(bio)->fd(), bytes, static_cast<size_t>(size), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return Transferred(bio, sent, [](BIO* b) { BIO_set_retry_write(b); });
}

int ReadBio(BIO* bio, char* space, int size) {
  ssize_t got = 0;
  do {
    got = recv(SocketOf(bio)->fd(), space, static_cast<size_t>(size), 0);
  } while (got < 0 && errno == EINTR);
  if (got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return Transferred(bio, got, [](BIO* b) { BIO_set_retry_read(b); });
}

// NOLINTNEXTLINE(google-runtime-int): as OpenSSL declares it
long ControlBio(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO* NewBio(Socket* socket) {
  static BIO_METHOD* const kMethod = [] {
    BIO_METHOD* const method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "treadle socket");
    BIO_meth_set_write(method, WriteBio);
    BIO_meth_set_read(method, ReadBio);
    BIO_meth_set_ctrl(method, ControlBio);
    return method;
  }();
  BIO* const bio = BIO_new(kMethod);
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, socket);
  BIO_set_init(bio, 1);
  return bio;
}

std::string TextOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unknown time";
  return FormatWallTime({timegm(&parts) * 1'000});
}

// The bytes are a stranger's.
std::string Legible(std::string_view name) {
  std::string text;
  for (const char c : name.substr(0, 100))
    text.push_back(c > 0x20 && c < 0x7f && c != '"' && c != '\\' ? c : '?');
  return text;
}

std::string TextOf(const GENERAL_NAME& name) {
  if (name.type != GEN_DNS && name.type != GEN_IPADD) return "";
  const ASN1_STRING* const text = name.type == GEN_DNS ? name.d.dNSName : name.d.iPAddress;
  const auto size = static_cast<size_t>(ASN1_STRING_length(text));
  const unsigned char* const bytes = ASN1_STRING_get0_data(text);
  if (name.type == GEN_DNS) return Legible({reinterpret_cast<const char*>(bytes), size});
  char address[INET6_ADDRSTRLEN] = "";
  if (size != 4 && size != 16) return "";
  (void)inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes, address, sizeof address);
  return address;
}

/// "it names a.example and 2 more": the hosts of a certificate.
std::string NamesOf(X509* certificate) {
  auto* const names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  std::string text;
  size_t count = 0;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const std::string name = TextOf(*sk_GENERAL_NAME_value(names, i));
    if (!name.empty() && ++count <= kNamesShownMax) text += (text.empty() ? "" : ", ") + name;
  }
  GENERAL_NAMES_free(names);
  if (count == 0) return "it names no host";
  if (count > kNamesShownMax) text += " and " + std::to_string(count - kNamesShownMax) + " more";
  return "it names " + text;
}

std::string Now() { return FormatWallTime(SystemClock().Wall()); }

std::string RemedyOfUnknownCa(const std::string& ca_file) {
  if (ca_file.empty())
    return "; name a file with the certificate of its CA in TREADLE_CA_FILE, ca_file or --ca-file";
  return "; the certificate of its CA is not in " + ca_file;
}

/// Why `error` makes the certificate unfit, and the remedy.
std::string WhyUntrusted(int error, int depth, X509* certificate, const std::string& host,
                         const std::string& ca_file) {
  const std::string whose = depth == 0 ? "it" : "the certificate of the CA that signed it";
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return whose + " expired at " + TextOf(X509_get0_notAfter(certificate)) +
             "; renew it on the server (the clock of this machine shows " + Now() + ")";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return whose + " is valid only from " + TextOf(X509_get0_notBefore(certificate)) +
             "; check the clock of this machine, which shows " + Now();
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return NamesOf(certificate) + ", not " + host + "; use a name that the certificate has";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:  // a CA of the same name, with another key
      return X509_verify_cert_error_string(error) + RemedyOfUnknownCa(ca_file);
    default:
      return X509_verify_cert_error_string(error);
  }
}

// As certificates and SNI have it: without a zone, and without the dot of a complete name.
std::string HostNameOf(const ServerAddress& server) {
  std::string name = server.host.substr(0, server.host.find('%'));
  if (name.ends_with('.')) name.pop_back();
  return name;
}

bool IsIp(const std::string& host) {
  in6_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

}  // namespace

/// OpenSSL calls it for each certificate of a chain. It only takes down the first fault.
struct TlsVerification {
  static int Look(int is_valid, X509_STORE_CTX* chain) {
    if (is_valid == 1) return 1;
    const auto* const session =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* const stream = static_cast<TlsStream*>(SSL_get_app_data(session));
    if (stream->distrust_.empty())
      stream->distrust_ =
          WhyUntrusted(X509_STORE_CTX_get_error(chain), X509_STORE_CTX_get_error_depth(chain),
                       X509_STORE_CTX_get_current_cert(chain), stream->host_, stream->ca_file_);
    return 0;
  }
};

TlsStream::TlsStream(Socket* socket, const TlsContext& context)
    : socket_(socket), ca_file_(context.ca_file()), session_(SSL_new(context.get())) {}

TlsStream::~TlsStream() {
  if (!is_broken_) (void)SSL_shutdown(session_);
  SSL_free(session_);
  ERR_clear_error();
}

Result<std::unique_ptr<TlsStream>> TlsStream::Handshake(Socket* socket, const TlsContext& context,
                                                        const ServerAddress& server,
                                                        TimePoint deadline) {
  std::unique_ptr<TlsStream> stream(new TlsStream(socket, context));
  if (!stream->Expect(server)) {
    ERR_clear_error();
    return Status(Code::kInternal, "cannot prepare TLS with " + server.Url());
  }
  const std::error_code error = stream->Do([&] { return SSL_connect(stream->session_); }, deadline);
  if (error) return stream->HandshakeFailure(error, server.Url());
  stream->is_broken_ = false;
  return stream;
}

// What the server's certificate must have. The name also tells a server with several certificates
// which one to use; an address is not sent.
bool TlsStream::Expect(const ServerAddress& server) {
  BIO* const bio = session_ == nullptr ? nullptr : NewBio(socket_);
  if (bio == nullptr) return false;
  SSL_set_bio(session_, bio, bio);
  SSL_set_app_data(session_, this);
  SSL_set_verify(session_, SSL_VERIFY_PEER, TlsVerification::Look);
  host_ = HostNameOf(server);
  if (IsIp(host_))
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session_), host_.c_str()) == 1;
  SSL_set_hostflags(session_,
                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  return SSL_set1_host(session_, host_.c_str()) == 1 &&
         SSL_ctrl(session_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                  host_.data()) == 1;
}

template <class Operation>
std::error_code TlsStream::Do(Operation operation, TimePoint deadline) {
  while (true) {
    ERR_clear_error();
    errno = 0;
    const int result = operation();
    if (result > 0) return {};
    const int os_error = errno;
    std::error_code error;
    switch (SSL_get_error(session_, result)) {
      case SSL_ERROR_WANT_READ:
        error = socket_->WaitFor(POLLIN, deadline);
        break;
      case SSL_ERROR_WANT_WRITE:
        error = socket_->WaitFor(POLLOUT, deadline);
        break;
      case SSL_ERROR_ZERO_RETURN:
        return {SSL_R_UNEXPECTED_EOF_WHILE_READING, Category()};
      case SSL_ERROR_SYSCALL:
        is_broken_ = true;
        ERR_clear_error();
        return {os_error == 0 ? ECONNRESET : os_error, std::generic_category()};
      default:
        is_broken_ = true;
        return TakeError();
    }
    if (error) return error;
  }
}

Status TlsStream::HandshakeFailure(std::error_code error, const std::string& url) const {
  if (error == std::errc::operation_canceled) return {Code::kCancelled, "the call was cancelled"};
  if (!distrust_.empty())
    return {Code::kInternal, "the certificate of " + url + " cannot be trusted: " + distrust_};
  if (IsReason(error, {SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_PACKET_LENGTH_TOO_LONG,
                       SSL_R_UNKNOWN_PROTOCOL}))
    return {Code::kInternal, url +
                                 " does not speak TLS. Treadle itself does not: write http://, or "
                                 "name the proxy in front of it"};
  if (IsReason(error, {SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION}))
    return {Code::kInternal, url + " speaks neither TLS 1.2 nor 1.3; enable one of them there"};
  std::string why = error.message();
  if (error == std::errc::stream_timeout) why = "no answer in time";
  if (IsReason(error, {SSL_R_UNEXPECTED_EOF_WHILE_READING})) why = "the connection was closed";
  return {Code::kUnavailable, "cannot speak TLS with " + url + ": " + why};
}

// A record, and so a call of the system, for each 16 KiB: head and body together.
std::error_code TlsStream::Send(std::span<iovec> parts, TimePoint deadline) {
  std::array<char, kRecordBytes> record;
  while (true) {
    size_t size = 0;
    for (iovec& part : parts) {
      const size_t taken = std::min(part.iov_len, record.size() - size);
      if (taken > 0) std::memcpy(record.data() + size, part.iov_base, taken);
      part = {static_cast<char*>(part.iov_base) + taken, part.iov_len - taken};
      size += taken;
    }
    if (size == 0) return {};
    size_t written = 0;
    const std::error_code error =
        Do([&] { return SSL_write_ex(session_, record.data(), size, &written); }, deadline);
    if (error) return error;
  }
}

std::error_code TlsStream::Receive(std::span<char> space, bool is_likely_there, TimePoint deadline,
                                   size_t* received) {
  if (!is_likely_there && SSL_has_pending(session_) == 0) {
    if (const std::error_code error = socket_->WaitFor(POLLIN, deadline)) return error;
  }
  *received = 0;
  const std::error_code error =
      Do([&] { return SSL_read_ex(session_, space.data(), space.size(), received); }, deadline);
  const bool is_goodbye = (SSL_get_shutdown(session_) & SSL_RECEIVED_SHUTDOWN) != 0;
  return error && is_goodbye ? std::error_code() : error;
}

// Tickets for later sessions are no news.
bool TlsStream::HasNews() {
  char byte = 0;
  size_t size = 0;
  ERR_clear_error();
  const int result = SSL_peek_ex(session_, &byte, 1, &size);
  const int error = SSL_get_error(session_, result);
  is_broken_ = is_broken_ || error == SSL_ERROR_SYSCALL || error == SSL_ERROR_SSL;
  ERR_clear_error();
  return result > 0 || error != SSL_ERROR_WANT_READ;
}

}  // namespace treadle
