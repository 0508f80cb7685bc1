#include "cli/contexts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/nearest.h"
#include "cli/arguments.h"
#include "config/toml_node.h"

namespace treadle::cli {
namespace {

Status CannotWrite(std::string_view path) {
  return {Code::kInternal, fmt::format("cannot write {} ({})", path, std::strerror(errno))};
}

Result<std::string> TextOf(const std::string& path, const std::string& key,
                           const config::TomlNode& node) {
  if (node.kind == config::TomlNode::Kind::kText) return node.text;
  return InvalidArgument(fmt::format("{}:{}: {} is not a string", path, node.line, key));
}

Result<ServerContext> ReadContext(const std::string& path, const config::TomlNode& node) {
  ServerContext context;
  for (const auto& [key, value] : node.members) {
    if (key != "server" && key != "token_file" && key != "ca_file") {
      return InvalidArgument(
          fmt::format("{}:{}: unknown key \"{}\"; a context has server, token_file and ca_file",
                      path, value.line, key));
    }
    std::string& field = key == "server"       ? context.server
                         : key == "token_file" ? context.token_file
                                               : context.ca_file;
    TREADLE_ASSIGN_OR_RETURN(field, TextOf(path, key, value));
  }
  if (context.server.empty()) {
    return InvalidArgument(
        fmt::format("{}:{}: the context has no server; add server = \"URL\"", path, node.line));
  }
  return context;
}

std::string AsToml(const Contexts& contexts) {
  std::string text = "# Written by treadle context.\n";
  if (!contexts.current.empty()) {
    text += fmt::format("current = {}\n", config::QuoteToml(contexts.current));
  }
  for (const auto& [name, context] : contexts.by_name) {
    text += fmt::format("\n[contexts.{}]\nserver = {}\n", config::QuoteToml(name),
                        config::QuoteToml(context.server));
    if (!context.token_file.empty()) {
      text += fmt::format("token_file = {}\n", config::QuoteToml(context.token_file));
    }
    if (!context.ca_file.empty()) {
      text += fmt::format("ca_file = {}\n", config::QuoteToml(context.ca_file));
    }
  }
  return text;
}

bool WriteAndSync(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) text.remove_prefix(static_cast<size_t>(written));
  }
  return fsync(file) == 0;
}

}  // namespace

Result<ServerContext> Contexts::Find(const std::string& name) const {
  const auto found = by_name.find(name);
  if (found != by_name.end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [each, context] : by_name) known.push_back(each);
  const std::string nearest = Nearest(name, known);
  return InvalidArgument(fmt::format("there is no context \"{}\"{}", name,
                                     nearest.empty()
                                         ? "; see: treadle context list"
                                         : fmt::format("; did you mean \"{}\"?", nearest)));
}

Result<std::string> ContextsPath() {
  const char* const config = std::getenv("XDG_CONFIG_HOME");
  if (config != nullptr && *config != '\0') {
    return std::string(config) + "/treadle/contexts.toml";
  }
  const char* const home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') {
    return std::string(home) + "/.config/treadle/contexts.toml";
  }
  return InvalidArgument("there is no directory for contexts: set XDG_CONFIG_HOME or HOME");
}

Result<Contexts> ReadContexts() {
  TREADLE_ASSIGN_OR_RETURN(const std::string path, ContextsPath());
  Contexts contexts;
  if (access(path.c_str(), F_OK) != 0) return contexts;
  TREADLE_ASSIGN_OR_RETURN(const config::TomlNode root, config::ReadTomlFile(path));
  for (const auto& [key, value] : root.members) {
    if (key == "current") {
      TREADLE_ASSIGN_OR_RETURN(contexts.current, TextOf(path, key, value));
    } else if (key == "contexts") {
      for (const auto& [name, node] : value.members) {
        TREADLE_ASSIGN_OR_RETURN(contexts.by_name[name], ReadContext(path, node));
      }
    } else {
      return InvalidArgument(fmt::format(
          "{}:{}: unknown key \"{}\"; known keys are current and contexts", path, value.line, key));
    }
  }
  return contexts;
}

Status WriteContexts(const Contexts& contexts) {
  TREADLE_ASSIGN_OR_RETURN(const std::string path, ContextsPath());
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  std::string temporary = path + ".XXXXXX";
  const int file = mkstemp(temporary.data());  // 0600
  if (file < 0) return CannotWrite(path);
  const bool written = WriteAndSync(file, AsToml(contexts));
  if (close(file) != 0 || !written || rename(temporary.c_str(), path.c_str()) != 0) {
    const Status failed = CannotWrite(path);
    unlink(temporary.c_str());
    return failed;
  }
  return {};
}

}  // namespace treadle::cli
