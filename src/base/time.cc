#include "base/time.h"

#include <algorithm>
#include <chrono>

namespace treadle {
namespace {

constexpr int64_t kYear0Ms = -62'167'219'200'000;
constexpr int64_t kYear9999Ms = 253'402'300'799'999;

}  // namespace

FixedText<24> WallTimeText(WallTime time) {
  using std::chrono::days;
  using std::chrono::milliseconds;
  const milliseconds since{std::clamp(time.ms, kYear0Ms, kYear9999Ms)};
  const auto day = std::chrono::floor<days>(since);
  const std::chrono::year_month_day date{std::chrono::sys_days(day)};
  const auto ms = static_cast<unsigned>((since - day).count());
  FixedText<24> text;
  text.AddDigits(static_cast<unsigned>(static_cast<int>(date.year())), 4);
  text.Add('-');
  text.AddDigits(static_cast<unsigned>(date.month()), 2);
  text.Add('-');
  text.AddDigits(static_cast<unsigned>(date.day()), 2);
  text.Add('T');
  text.AddDigits(ms / 3'600'000, 2);
  text.Add(':');
  text.AddDigits(ms / 60'000 % 60, 2);
  text.Add(':');
  text.AddDigits(ms / 1'000 % 60, 2);
  text.Add('.');
  text.AddDigits(ms % 1'000, 3);
  text.Add('Z');
  return text;
}

std::string FormatWallTime(WallTime time) { return WallTimeText(time).ToString(); }

WallTime SystemClock::Wall() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::milliseconds>(now).count()};
}

int64_t SystemClock::MonotonicMs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace treadle
