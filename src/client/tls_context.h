// TlsContext: whom a client trusts. Made once for all connections with the same options, and only
// if a server has https. Any thread.
//
// Certificates and the names in them are always checked; nothing turns that off.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"

struct ssl_ctx_st;  // of OpenSSL

namespace treadle {

class TlsContext {
 public:
  /// Trusts the certificates of `ca_file` (PEM) and no others; if that is empty, those of the
  /// system's store. INVALID_ARGUMENT: the file cannot be read, or holds no certificate.
  static Result<std::shared_ptr<const TlsContext>> Make(const std::string& ca_file);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  ssl_ctx_st* get() const { return context_; }
  const std::string& ca_file() const { return ca_file_; }

 private:
  TlsContext(ssl_ctx_st* context, std::string ca_file);

  ssl_ctx_st* const context_;  // owned
  const std::string ca_file_;
};

}  // namespace treadle
