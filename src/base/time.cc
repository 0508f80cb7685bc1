#include "base/time.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace treadle {

std::string FormatWallTime(WallTime time) {
  int64_t seconds = time.ms / 1000;
  int64_t millis = time.ms % 1000;
  if (millis < 0) {
    millis += 1000;
    --seconds;
  }
  const std::time_t when = seconds;
  std::tm parts{};
  if (gmtime_r(&when, &parts) == nullptr) return "out-of-range";
  std::array<char, 40> date{};
  const size_t length = std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(millis));
  return std::string(date.data(), length) + fraction.data();
}

WallTime SystemClock::Wall() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::milliseconds>(now).count()};
}

int64_t SystemClock::MonotonicMs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace treadle
