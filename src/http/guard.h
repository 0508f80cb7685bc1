// Guard: who may speak to the server at all, before any handler is asked.
//
// It keeps out two things. Pages of a foreign site, in the browser of someone on this machine: they
// can send requests to a loopback address, and with a name of their own that resolves to it (DNS
// rebinding) even read the answers; their Host or Origin gives them away. And, when a token is set,
// everyone who does not know it. /livez and /readyz need no token. Immutable after construction;
// any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "http/message.h"

namespace treadle::http {

struct GuardOptions {
  std::string listen_host;  // as given to the server
  /// Names that requests may be addressed to besides `listen_host` and, if that is loopback, the
  /// names of this machine. A port in an entry is ignored: any port is allowed.
  std::vector<std::string> allowed_hosts = {};
  std::string token = {};  // empty: none is asked for
};

class Guard {
 public:
  explicit Guard(GuardOptions options);

  /// The refusal of `request`, whose body is not looked at; nothing when it may pass. 403 for a
  /// Host that is not allowed (when bound to loopback or when hosts are configured) or an Origin
  /// that is neither allowed nor the Host itself; 401 for a missing or wrong bearer token.
  std::optional<Response> Check(const Request& request) const;

 private:
  bool IsAllowed(std::string_view host) const;
  bool HasToken(const Request& request) const;

  std::vector<std::string> hosts_;  // empty: Host is not checked
  std::string token_;
};

/// "localhost", an address of 127.0.0.0/8, or ::1 (with or without brackets).
bool IsLoopbackHost(std::string_view host);

/// FAILED_PRECONDITION for an address that others can reach without anything to keep them out.
Status CheckListenPolicy(std::string_view host, bool has_token, bool allow_unauthenticated);

}  // namespace treadle::http
