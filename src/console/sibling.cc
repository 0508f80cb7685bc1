#include "console/sibling.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>

#include "base/units.h"
#include "worker/stop_signals.h"

namespace treadle {
namespace {

constexpr int64_t kChildLookMs = 20;

std::string HowEnded(int status) {
  if (WIFSIGNALED(status)) return fmt::format("signal {}", WTERMSIG(status));
  return fmt::format("exit status {}", WEXITSTATUS(status));
}

/// In the child, between fork() and exec(): only what is safe there.
[[noreturn]] void Become(char* const* argv, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  ::execv("/proc/self/exe", argv);
  ::_exit(127);
}

volatile std::sig_atomic_t g_interrupted = 0;

std::optional<worker::StopSignals> g_signals;  // with SIGHUP: the terminal is closed

void Interrupt(int) { g_interrupted = 1; }

}  // namespace

Sibling::Sibling(Sibling&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), end_(std::move(other.end_)) {}

Sibling& Sibling::operator=(Sibling&& other) noexcept {
  Stop();
  pid_ = std::exchange(other.pid_, 0);
  end_ = std::move(other.end_);
  return *this;
}

Sibling::~Sibling() { Stop(); }

Result<Sibling> Sibling::Start(const std::vector<std::string>& words) {
  std::vector<std::string> owned = {"treadle"};
  owned.insert(owned.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (std::string& word : owned) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) {
    return Status(Code::kUnavailable,
                  fmt::format("cannot start a process ({})", std::strerror(errno)));
  }
  if (pid == 0) Become(argv.data(), parent);
  return Sibling(pid);
}

std::optional<std::string> Sibling::Ended() {
  int status = 0;
  if (pid_ != 0 && ::waitpid(pid_, &status, WNOHANG) == pid_) {
    pid_ = 0;
    end_ = HowEnded(status);
  }
  if (pid_ != 0) return std::nullopt;
  return end_;
}

void Sibling::Stop(int64_t grace_ms) {
  if (Ended()) return;
  ::kill(pid_, SIGTERM);
  for (int64_t waited = 0; !Ended(); waited += kChildLookMs) {
    if (waited >= grace_ms) ::kill(pid_, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(kChildLookMs));
  }
}

void Sibling::Kill() {
  if (Ended()) return;
  ::kill(pid_, SIGKILL);
  while (!Ended()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

SignalWatch::SignalWatch() {
  g_interrupted = 0;
  g_signals.emplace(Interrupt);
}

SignalWatch::~SignalWatch() { g_signals.reset(); }

bool SignalWatch::interrupted() const { return g_interrupted != 0; }

Result<std::string> ProbeListen(const std::string& address) {
  std::optional<Address> parsed = ParseAddress(address);
  if (!parsed) {
    return Status(Code::kInvalidArgument,
                  fmt::format("--listen: \"{}\" is not an address; write HOST:PORT", address));
  }
  addrinfo hints{.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  if (::getaddrinfo(parsed->host.c_str(), fmt::to_string(parsed->port).c_str(), &hints, &found) !=
      0) {
    return Status(Code::kInvalidArgument,
                  fmt::format("--listen: {} is not an address of this machine", parsed->host));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
  const int fd = ::socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool bound = ::bind(fd, list->ai_addr, list->ai_addrlen) == 0 && ::listen(fd, 1) == 0;
  const int error = errno;
  std::array<char, NI_MAXSERV> port{};
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  if (bound && ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &length) == 0) {
    ::getnameinfo(reinterpret_cast<const sockaddr*>(&name), length, nullptr, 0, port.data(),
                  port.size(), NI_NUMERICSERV);
  }
  ::close(fd);
  if (bound) return Address{parsed->host, static_cast<uint16_t>(std::atoi(port.data()))}.ToString();
  if (error != EADDRINUSE) {
    return Status(Code::kInvalidArgument,
                  fmt::format("--listen: {}: {}", address, std::strerror(error)));
  }
  return Status(Code::kFailedPrecondition, fmt::format("{} is in use by another program", address));
}

}  // namespace treadle
