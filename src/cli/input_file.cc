#include "cli/input_file.h"

#include <iostream>

#include "base/regular_file.h"

namespace treadle::cli {
namespace {

constexpr size_t kPieceBytes = size_t{64} << 10;

Result<std::string> ReadStandardInput() {
  std::string bytes;
  while (bytes.size() <= kInputBytesMax && std::cin) {
    const size_t size = bytes.size();
    bytes.resize(size + kPieceBytes);
    std::cin.read(bytes.data() + size, kPieceBytes);
    bytes.resize(size + static_cast<size_t>(std::cin.gcount()));
  }
  if (bytes.size() <= kInputBytesMax) return bytes;
  return Status(Code::kInvalidArgument, "standard input is larger than the " +
                                            std::to_string(kInputBytesMax) + " bytes allowed here");
}

}  // namespace

Result<std::string> ReadInputFile(const std::string& path) {
  if (path == "-") return ReadStandardInput();
  Result<std::string> bytes = ReadRegularFile(path, kInputBytesMax);
  if (bytes.ok() || bytes.status().code() == Code::kInvalidArgument) return bytes;
  return Status(Code::kInvalidArgument, bytes.status().message());
}

}  // namespace treadle::cli
