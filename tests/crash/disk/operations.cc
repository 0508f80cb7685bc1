#include "tests/crash/disk/operations.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "tests/crash/disk/real_calls.h"

namespace treadle::crash {
namespace {

constexpr const char* kNames[] = {"write",  "truncate", "sync",   "sync-directory",
                                  "create", "rename",   "unlink", "mkdir"};

constexpr unsigned int kStallLookUs = 10'000;

const char* TextOf(const char* variable) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? "" : text;
}

uint64_t NumberOf(const char* variable) { return std::strtoull(TextOf(variable), nullptr, 10); }

}  // namespace

Operations::Operations()
    : directory_(TextOf("TREADLE_DISK_DIRECTORY")),
      only_(TextOf("TREADLE_DISK_ONLY")),
      error_(TextOf("TREADLE_DISK_ERROR")),
      stall_(TextOf("TREADLE_DISK_STALL")),
      sync_ms_(static_cast<unsigned int>(NumberOf("TREADLE_DISK_SYNC_MS"))),
      die_at_(NumberOf("TREADLE_DISK_DIE_AT")),
      die_half_(std::getenv("TREADLE_DISK_DIE_HALF") != nullptr),
      fail_at_(NumberOf("TREADLE_DISK_FAIL_AT")),
      fail_every_(NumberOf("TREADLE_DISK_FAIL_EVERY")) {
  const char* const trace = TextOf("TREADLE_DISK_TRACE");
  if (*trace != '\0') trace_ = Real().open(trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

const char* Operations::NameOf(const char* path) const {
  const std::string_view text = path == nullptr ? "" : path;
  if (directory_.empty() || !text.starts_with(directory_)) return nullptr;
  const char* const rest = path + directory_.size();
  if (*rest == '\0') return rest;
  if (*rest != '/' || text.ends_with("-shm")) return nullptr;
  return rest + 1;
}

void Operations::WaitWhileStalled(const std::string& name) const {
  if (stall_.empty() || name.find(only_) == std::string::npos) return;
  while (access(stall_.c_str(), F_OK) == 0) usleep(kStallLookUs);
}

Verdict Operations::Begin(Kind kind, const std::string& name) {
  if (!only_.empty() && name.find(only_) == std::string::npos) return {};
  const uint64_t number = ++number_;
  if (trace_ >= 0) {
    const std::string line =
        std::to_string(number) + " " + kNames[static_cast<int>(kind)] + " " + name + "\n";
    if (Real().write(trace_, line.data(), line.size()) < 0) std::abort();
  }
  if (number == die_at_ && !die_half_) Die();
  if (number == die_at_) return {.dies_half = true};
  if (fail_at_ == 0 || number < fail_at_) return {};
  if (number != fail_at_ && (fail_every_ == 0 || (number - fail_at_) % fail_every_ != 0)) return {};
  if (error_ == "short") return {.is_short = kind == Kind::kWrite};
  return {.error = error_ == "ENOSPC" ? ENOSPC : EIO};
}

void Operations::Die() {
  kill(getpid(), SIGKILL);
  while (true) pause();
}

}  // namespace treadle::crash
