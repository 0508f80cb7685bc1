#include "client/tls_context.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "base/regular_file.h"

namespace treadle {
namespace {

constexpr size_t kCaFileBytesMax = size_t{8} << 20;
constexpr unsigned char kProtocols[] = "\x08http/1.1";

// Where distributions keep their store in one file. Libraries of one distribution do not know the
// place of another, and the portable program has the libraries of Debian.
constexpr const char* kStores[] = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",                   // Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",                             // SUSE
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // RHEL 7 and newer
    "/etc/ssl/cert.pem",
};

bool IsThere(const char* path) { return access(path, R_OK) == 0; }

bool IsSet(const char* variable) { return std::getenv(variable) != nullptr; }

bool TrustSystem(SSL_CTX* context) {
  if (SSL_CTX_set_default_verify_paths(context) != 1) return false;
  if (IsSet(X509_get_default_cert_file_env()) || IsSet(X509_get_default_cert_dir_env()) ||
      IsThere(X509_get_default_cert_file()) || IsThere(X509_get_default_cert_dir()))
    return true;
  for (const char* const path : kStores) {
    if (IsThere(path)) return SSL_CTX_load_verify_file(context, path) == 1;
  }
  return true;
}

Status Unusable(const std::string& path, std::string_view why) {
  return {Code::kInvalidArgument, "the CA file " + path + " cannot be used: " + std::string(why) +
                                      "; it must hold certificates as PEM"};
}

Status TrustFile(SSL_CTX* context, const std::string& path) {
  const Result<std::string> text = ReadRegularFile(path, kCaFileBytesMax);
  if (!text.ok()) return {Code::kInvalidArgument, "the CA file " + text.status().message()};
  BIO* const lines = BIO_new_mem_buf(text->data(), static_cast<int>(text->size()));
  size_t certificates = 0;
  bool is_stored = true;
  while (X509* const each = PEM_read_bio_X509(lines, nullptr, nullptr, nullptr)) {
    is_stored = is_stored && X509_STORE_add_cert(SSL_CTX_get_cert_store(context), each) == 1;
    X509_free(each);
    ++certificates;
  }
  BIO_free(lines);
  const bool is_at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!is_at_end || !is_stored) return Unusable(path, "one of its certificates is damaged");
  if (certificates == 0) return Unusable(path, "it holds no certificate");
  return {};
}

}  // namespace

TlsContext::TlsContext(ssl_ctx_st* context, std::string ca_file)
    : context_(context), ca_file_(std::move(ca_file)) {}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Result<std::shared_ptr<const TlsContext>> TlsContext::Make(const std::string& ca_file) {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr) {
    ERR_clear_error();
    return Status(Code::kInternal, "OpenSSL cannot be used; check its configuration file");
  }
  std::shared_ptr<const TlsContext> made(new TlsContext(context, ca_file));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);  // a record is read with one call of the system
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_protos(context, kProtocols, sizeof kProtocols - 1);
  if (!ca_file.empty()) {
    TREADLE_RETURN_IF_ERROR(TrustFile(context, ca_file));
  } else if (!TrustSystem(context)) {
    ERR_clear_error();
    return Status(Code::kInternal, "the system's store of certificates cannot be read");
  }
  ERR_clear_error();
  return made;
}

}  // namespace treadle
