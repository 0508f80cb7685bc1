#include "client/token_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>

namespace treadle {

Result<std::string> ReadToken(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return Status(Code::kInvalidArgument,
                  "the token file " + path + " cannot be read (" + std::strerror(errno) + ")");
  }
  for (std::string line; std::getline(file, line);) {
    const size_t start = line.find_first_not_of(" \t\r");
    if (start == std::string::npos || line[start] == '#') continue;
    return line.substr(start, line.find_last_not_of(" \t\r") - start + 1);
  }
  return Status(Code::kInvalidArgument, "the token file " + path + " holds no token");
}

}  // namespace treadle
