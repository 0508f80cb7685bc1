#include "worker/program.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>

namespace treadle::worker {
namespace {

// 0, or why it is none.
int CheckFile(const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return errno;
  if (S_ISDIR(info.st_mode)) return EISDIR;
  if (!S_ISREG(info.st_mode)) return EACCES;
  return access(path.c_str(), X_OK) == 0 ? 0 : errno;
}

// Behind "#!"; empty if the file is no script, or cannot be read.
std::string InterpreterOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 256> begin{};
  file.read(begin.data(), begin.size());
  std::string_view line(begin.data(), static_cast<size_t>(file.gcount()));
  if (!line.starts_with("#!")) return "";
  line = line.substr(2, line.find('\n') - 2);
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  return std::string(line.substr(0, line.find_first_of(" \t\r")));
}

}  // namespace

std::string FindProgram(const std::string& name, int* error) {
  *error = ENOENT;
  if (name.find('/') != std::string::npos) return name;
  const char* const path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/bin:/usr/bin" : path;
  for (bool more = !name.empty(); more;) {
    const size_t colon = rest.find(':');
    const std::string_view directory = rest.substr(0, colon);
    const std::string found = std::string(directory.empty() ? "." : directory) + "/" + name;
    const int why_not = CheckFile(found);
    if (why_not == 0) return found;
    if (why_not == EACCES) *error = EACCES;
    more = colon != std::string_view::npos;
    rest = more ? rest.substr(colon + 1) : "";
  }
  return "";
}

Status CheckProgram(const std::string& name) {
  const auto cannot = [&](const std::string& why) {
    return Status(Code::kFailedPrecondition, "cannot run " + name + ": " + why);
  };
  int error = 0;
  const std::string path = FindProgram(name, &error);
  if (path.empty()) {
    return cannot(error == ENOENT ? "there is no such program in PATH" : std::strerror(error));
  }
  if (const int why_not = CheckFile(path); why_not != 0) {
    const bool is_unexecutable = why_not == EACCES && access(path.c_str(), F_OK) == 0;
    return cannot(
        std::strerror(why_not) +
        std::string(is_unexecutable ? "; make it executable with: chmod +x " + path : ""));
  }
  const std::string interpreter = InterpreterOf(path);
  if (interpreter.empty()) return {};
  const int why_not = CheckFile(interpreter);
  return why_not == 0 ? Status()
                      : cannot("its interpreter " + interpreter + ": " + std::strerror(why_not));
}

}  // namespace treadle::worker
