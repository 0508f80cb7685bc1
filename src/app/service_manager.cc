#include "app/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace treadle::app {
namespace {

std::string_view FromEnvironmentVariable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

int64_t NumberOf(std::string_view text) {
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end && number > 0 ? number : 0;
}

}  // namespace

ServiceManager ServiceManager::FromEnvironment() {
  ServiceManager manager;
  manager.socket_ = FromEnvironmentVariable("NOTIFY_SOCKET");
  const std::string_view pid = FromEnvironmentVariable("WATCHDOG_PID");
  if (pid.empty() || NumberOf(pid) == getpid())
    manager.watchdog_ =
        std::chrono::microseconds(NumberOf(FromEnvironmentVariable("WATCHDOG_USEC")));
  return manager;
}

void ServiceManager::Tell(std::string_view state) const {
  sockaddr_un address{};
  if (socket_.empty() || socket_.size() >= sizeof address.sun_path) return;
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
         reinterpret_cast<const sockaddr*>(&address),  // NOLINT: what the socket API asks for
         length);
  close(fd);
}

Heartbeat::Heartbeat(std::chrono::microseconds period, std::function<void()> beat)
    : thread_([this, period, beat = std::move(beat)] {
        std::unique_lock lock(mutex_);
        while (!stopped_) {
          lock.unlock();
          beat();
          lock.lock();
          wake_.wait_for(lock, period, [this] { return stopped_; });
        }
      }) {}

Heartbeat::~Heartbeat() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

}  // namespace treadle::app
