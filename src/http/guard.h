// Guard: who may speak to the server at all, before any handler is asked.
//
// It keeps out two things. First, foreign pages in the browser of someone who can reach the server:
// they can send requests to a loopback address, and with a name of their own that resolves to it
// (DNS rebinding) even read the answers. Their Host, their Origin or Sec-Fetch-Site gives them
// away; and whatever changes something needs a Content-Type that a page cannot send without asking
// first, or none at all. Second, when a token is set, everyone who does not know it. /livez and
// /readyz need no token. Immutable after construction; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "http/authority.h"
#include "http/message.h"

namespace treadle::http {

struct GuardOptions {
  std::string listen_host;  // as given to the server
  /// Names that requests may be addressed to besides `listen_host` and the names of loopback. Any
  /// port is allowed in a Host. Pages under such a name may use the server as well (a proxy serves
  /// it there): on the port of the entry or, if it has none, on the default port.
  std::vector<std::string> allowed_hosts = {};
  std::string token = {};  // empty: none is asked for
};

class Guard {
 public:
  explicit Guard(GuardOptions options);

  /// The refusal of `request`, whose body is not looked at; nothing when it may pass.
  ///
  /// 403 for a foreign Host, a foreign Origin, or a change that a browser says another site's page
  /// asks for. Which hosts are known: with `allowed_hosts`, or bound to loopback, only those named;
  /// otherwise, without a token, also addresses and names without a dot, under which no foreign
  /// page can be; with a token, any. 401 for a missing or wrong bearer token. 415 for a change with
  /// a body, or with a Content-Type, that is not application/json.
  std::optional<Response> Check(const Request& request) const;

 private:
  struct Name {
    std::string host;
    uint16_t port = 0;
  };
  enum class Hosts : uint8_t { kNamed, kUnregistrable, kAny };

  std::optional<Response> CheckHost(const Request& request, Authority* host) const;
  std::optional<Response> CheckPage(const Request& request, const Authority& host) const;
  bool IsKnown(std::string_view host) const;
  bool IsOwn(const Origin& origin, const Authority& host) const;
  bool HasToken(const Request& request) const;

  Hosts hosts_ = Hosts::kNamed;
  std::vector<Name> names_;       // of this machine
  std::vector<Name> configured_;  // of proxies, mostly
  std::string token_;
};

/// "localhost", an address of 127.0.0.0/8, or ::1 (with or without brackets).
bool IsLoopbackHost(std::string_view host);

/// FAILED_PRECONDITION for an address that others can reach without anything to keep them out.
Status CheckListenPolicy(std::string_view host, bool has_token, bool allow_unauthenticated);

}  // namespace treadle::http
