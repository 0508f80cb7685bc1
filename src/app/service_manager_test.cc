#include "app/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <future>

namespace treadle::app {
namespace {

// systemd's side of the socket, abstract or in a file.
class Listener {
 public:
  explicit Listener(std::string name)
      : name_(std::move(name)), fd_(socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name_.data(), name_.size());
    if (name_[0] == '@') address.sun_path[0] = '\0';
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size())),
              0);
    setenv("NOTIFY_SOCKET", name_.c_str(), 1);
  }
  ~Listener() {
    unsetenv("NOTIFY_SOCKET");
    close(fd_);
    if (name_[0] != '@') unlink(name_.c_str());
  }

  std::string Next() const {
    std::array<char, 100> bytes{};
    const ssize_t size = recv(fd_, bytes.data(), bytes.size(), 0);
    return size < 0 ? "nothing" : std::string(bytes.data(), static_cast<size_t>(size));
  }

 private:
  std::string name_;
  int fd_;
};

TEST(ServiceManager, SendsToAPathAndToAnAbstractName) {
  const std::string own = std::to_string(getpid());
  for (const std::string& name : {::testing::TempDir() + "notify-" + own, "@treadle-test-" + own}) {
    const Listener systemd(name);
    ServiceManager::FromEnvironment().Tell("READY=1");
    EXPECT_EQ(systemd.Next(), "READY=1") << name;
  }
}

TEST(ServiceManager, WithoutASocketNothingHappens) {
  unsetenv("NOTIFY_SOCKET");
  ServiceManager::FromEnvironment().Tell("READY=1");
  setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
  ServiceManager::FromEnvironment().Tell("READY=1");
  setenv("NOTIFY_SOCKET", std::string(500, 'x').c_str(), 1);
  ServiceManager::FromEnvironment().Tell("READY=1");
  unsetenv("NOTIFY_SOCKET");
}

TEST(ServiceManager, TheWatchdogIsThatOfThisProcess) {
  setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(ServiceManager::FromEnvironment().watchdog(), std::chrono::seconds(30));
  setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(ServiceManager::FromEnvironment().watchdog().count(), 0);
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  EXPECT_EQ(ServiceManager::FromEnvironment().watchdog(), std::chrono::seconds(30));
  setenv("WATCHDOG_USEC", "soon", 1);
  EXPECT_EQ(ServiceManager::FromEnvironment().watchdog().count(), 0);
  unsetenv("WATCHDOG_USEC");
  unsetenv("WATCHDOG_PID");
}

TEST(Heartbeat, BeatsUntilItsEnd) {
  std::atomic<int> beats = 0;
  std::promise<void> third;
  {
    const Heartbeat heartbeat(std::chrono::milliseconds(1), [&] {
      if (++beats == 3) third.set_value();
    });
    EXPECT_EQ(third.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
  }
  EXPECT_GE(beats, 3);
}

}  // namespace
}  // namespace treadle::app
