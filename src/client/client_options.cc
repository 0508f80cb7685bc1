#include "client/client_options.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace treadle {
namespace {

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// The first line of the file that is neither empty nor a comment.
Result<std::string> ReadToken(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return Status(Code::kInvalidArgument,
                  "TREADLE_TOKEN_FILE: " + path + " cannot be read (" + std::strerror(errno) + ")");
  }
  for (std::string line; std::getline(file, line);) {
    const size_t start = line.find_first_not_of(" \t\r");
    if (start == std::string::npos || line[start] == '#') continue;
    return line.substr(start, line.find_last_not_of(" \t\r") - start + 1);
  }
  return Status(Code::kInvalidArgument, "TREADLE_TOKEN_FILE: " + path + " holds no token");
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
  return connection;
}

}  // namespace treadle
