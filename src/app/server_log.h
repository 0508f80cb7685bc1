// ServerLog: the server's log, plain lines on standard error: "2026-11-23T20:53:01.250Z info …".
// Any thread. The only place that knows spdlog.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace spdlog {
class logger;
}

namespace treadle::app {

class ServerLog {
 public:
  /// `level` is debug, info, warning or error; what is less is not printed.
  explicit ServerLog(const std::string& level);
  ~ServerLog();

  void SetLevel(const std::string& level);
  void Info(std::string_view line);
  void Warn(std::string_view line);
  /// Printed at every level.
  void Fatal(std::string_view line);

 private:
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace treadle::app
