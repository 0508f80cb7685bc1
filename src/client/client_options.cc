#include "client/client_options.h"

#include <cstdlib>

#include "client/token_file.h"

namespace treadle {
namespace {

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Result<ConnectionOptions> ConnectionOf(const ClientOptions& options) {
  if (options.connections < 1 || options.connections > 256)
    return Status(Code::kInvalidArgument, "connections must be from 1 to 256");
  if (options.connect_timeout.count() < 1 || options.timeout.count() < 1)
    return Status(Code::kInvalidArgument, "timeout and connect_timeout must be at least 1 ms");
  if (options.linger.count() < 0 || options.linger > std::chrono::seconds(1))
    return Status(Code::kInvalidArgument, "linger must be from 0 to 1 s");

  ConnectionOptions connection;
  connection.connect_timeout_ms = options.connect_timeout.count();
  std::string servers;
  for (const std::string& server : options.servers) {
    servers += (servers.empty() ? "" : ",") + server;
  }
  if (servers.empty()) servers = FromEnvironment("TREADLE_SERVER");
  if (!servers.empty()) connection.server = std::move(servers);

  connection.token = options.token;
  const std::string token_file = FromEnvironment("TREADLE_TOKEN_FILE");
  if (connection.token.empty() && !token_file.empty()) {
    TREADLE_ASSIGN_OR_RETURN(connection.token, ReadToken(token_file));
  }
  connection.ca_file =
      options.ca_file.empty() ? FromEnvironment("TREADLE_CA_FILE") : options.ca_file;
  TREADLE_RETURN_IF_ERROR(ShareTls(&connection));
  return connection;
}

}  // namespace treadle
