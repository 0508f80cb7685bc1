#include "app/token_file.h"

#include <sys/stat.h>

#include "client/token_file.h"

namespace treadle::app {
namespace {

constexpr size_t kTokenCharactersMin = 16;

Status Invalid(const std::string& path, const std::string& why) {
  return {Code::kInvalidArgument, "the token file " + path + " " + why};
}

}  // namespace

Result<TokenFile> ReadTokenFile(const std::string& path) {
  TokenFile result;
  TREADLE_ASSIGN_OR_RETURN(result.token, ReadToken(path));
  struct stat info{};
  result.others_can_read =
      stat(path.c_str(), &info) == 0 && (info.st_mode & (S_IRGRP | S_IROTH)) != 0;
  if (result.token.size() < kTokenCharactersMin)
    return Invalid(path,
                   "holds a token of fewer than 16 characters; make one with: openssl rand "
                   "-hex 32");
  return result;
}

}  // namespace treadle::app
