#include "client/channel.h"

#include <utility>

namespace treadle {

Status Channel::Secure(const TlsContext& context, const ServerAddress& server, TimePoint deadline) {
  Result<std::unique_ptr<TlsStream>> made =
      TlsStream::Handshake(&socket_, context, server, deadline);
  if (!made.ok()) {
    Close();
    return made.status();
  }
  tls_ = *std::move(made);
  return {};
}

}  // namespace treadle
