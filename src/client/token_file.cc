#include "client/token_file.h"

#include <sstream>

#include "base/regular_file.h"

namespace treadle {
namespace {

constexpr size_t kFileBytesMax = size_t{64} << 10;
constexpr size_t kTokenLikeCharacters = 16;

// Somebody gave the token itself where its file should be named.
bool LooksLikeAToken(const std::string& path) {
  return path.size() >= kTokenLikeCharacters && path.find_first_of("/.") == std::string::npos;
}

}  // namespace

Result<std::string> ReadToken(const std::string& path) {
  const Result<std::string> text = ReadRegularFile(path, kFileBytesMax);
  if (!text.ok()) {
    if (LooksLikeAToken(path))
      return Status(Code::kInvalidArgument,
                    "cannot read the token file; its name looks like a token, so it is not shown. "
                    "Write the token into a file and name that file");
    return Status(Code::kInvalidArgument, "the token file " + text.status().message());
  }
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    const size_t start = line.find_first_not_of(" \t\r");
    if (start == std::string::npos || line[start] == '#') continue;
    return line.substr(start, line.find_last_not_of(" \t\r") - start + 1);
  }
  return Status(Code::kInvalidArgument, "the token file " + path + " contains no token");
}

}  // namespace treadle
