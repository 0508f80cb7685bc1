#include "loadgen/target.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "json/tree.h"

namespace treadle::loadgen {
namespace {

constexpr auto kReadyWithin = std::chrono::minutes(2);

/// The numbers of /proc/PID/stat behind the command's name: utime is 11, stime is 12 (proc(5)).
std::optional<int64_t> CpuTicks(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  int64_t user = 0;
  int64_t system = 0;
  fields >> user >> system;
  return fields ? std::optional(user + system) : std::nullopt;
}

}  // namespace

Result<Target> Target::Serve(const std::string& parent) {
  Target target;
  std::error_code error;
  const std::filesystem::path base =
      parent.empty() ? std::filesystem::temp_directory_path(error) : std::filesystem::path(parent);
  std::string path = (base / "treadle-bench-XXXXXX").string();
  if (error || mkdtemp(path.data()) == nullptr)
    return Status(Code::kInvalidArgument, "cannot make a directory in " + base.string());
  target.data_ = std::move(path);
  TREADLE_ASSIGN_OR_RETURN(target.listen_, ProbeListen("127.0.0.1:0"));
  target.connection_.server = "http://" + target.listen_;
  TREADLE_RETURN_IF_ERROR(target.StartChild());
  return target;
}

Target::~Target() {
  child_.Stop();
  std::error_code ignored;
  if (is_own()) std::filesystem::remove_all(data_, ignored);
}

Status Target::StartChild() {
  TREADLE_ASSIGN_OR_RETURN(child_, Sibling::Start({"server", "--data", data_ + "/data", "--listen",
                                                   listen_, "--log-level", "warning"}));
  TREADLE_ASSIGN_OR_RETURN(const auto server, ServerConnection::Make(connection_));
  const auto deadline = std::chrono::steady_clock::now() + kReadyWithin;
  while (!server->Call("GET", "/readyz", "", 1'000).ok()) {
    if (const auto end = child_.Ended())
      return {Code::kUnavailable, "the server ended with " + *end};
    if (std::chrono::steady_clock::now() > deadline)
      return {Code::kDeadlineExceeded, "the server was not ready within two minutes"};
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return {};
}

ClientOptions Target::Client(std::chrono::microseconds linger) const {
  return {.servers = {connection_.server},
          .token = connection_.token,
          .ca_file = connection_.ca_file,
          .linger = linger,
          .keys = false};  // so that figures of versions that made none remain comparable
}

std::string Target::Durability() const {
  const Result<JsonDocument> info = ReadJson(Get("/v1/info"));
  return info.ok() ? info->root.Text("durability") : "";
}

std::string Target::Get(const std::string& path) const {
  const auto server = ServerConnection::Make(connection_);
  if (!server.ok()) return "";
  const auto answer = (*server)->Call("GET", path, "", 5'000);
  return answer.ok() ? answer->body : "";
}

std::optional<int64_t> Target::Checkpoints() const {
  const std::optional<double> checkpoints = MetricOf(Get("/metrics"), "treadle_checkpoints_total");
  return checkpoints ? std::optional(static_cast<int64_t>(*checkpoints)) : std::nullopt;
}

std::optional<loadgen::ShardTurns> Target::ShardTurns() const {
  return is_own() ? ShardTurnsOf(Get("/metrics")) : std::nullopt;
}

Status Target::Settle(const std::function<bool()>& interrupted) const {
  while (!interrupted()) {
    Get("/v1/tasks?limit=1");  // a list asks for a checkpoint, and waits for it a little
    const std::optional<double> backlog =
        MetricOf(Get("/metrics"), "treadle_journal_backlog_bytes");
    if (!backlog) return {Code::kUnavailable, "the server does not report its journal metrics"};
    if (*backlog == 0) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return {Code::kCancelled, "interrupted"};
}

std::optional<int64_t> Target::CpuUs() const {
  if (!is_own()) return std::nullopt;
  const auto ticks = CpuTicks(child_.pid());
  if (!ticks) return std::nullopt;
  return *ticks * 1'000'000 / sysconf(_SC_CLK_TCK);
}

std::optional<int64_t> Target::RssBytes() const {
  if (!is_own()) return std::nullopt;
  std::ifstream file("/proc/" + std::to_string(child_.pid()) + "/statm");
  int64_t size_pages = 0;
  int64_t resident_pages = 0;
  file >> size_pages >> resident_pages;
  return file ? std::optional(resident_pages * sysconf(_SC_PAGESIZE)) : std::nullopt;
}

Result<double> Target::KillAndRestart() {
  child_.Kill();
  const auto begun = std::chrono::steady_clock::now();
  TREADLE_RETURN_IF_ERROR(StartChild());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

}  // namespace treadle::loadgen
