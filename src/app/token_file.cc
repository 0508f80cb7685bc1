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
  struct stat info{};
  if (stat(path.c_str(), &info) != 0 || S_ISDIR(info.st_mode))
    return Invalid(path, "cannot be read");
  TokenFile result{.others_can_read = (info.st_mode & (S_IRGRP | S_IROTH)) != 0};
  TREADLE_ASSIGN_OR_RETURN(result.token, ReadToken(path));
  if (result.token.size() < kTokenCharactersMin)
    return Invalid(path,
                   "holds a token of fewer than 16 characters; make one with: openssl rand "
                   "-hex 32");
  return result;
}

}  // namespace treadle::app
