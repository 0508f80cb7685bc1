#include "demo/progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"

namespace treadle::demo {
namespace {

constexpr int64_t kLineMs = 1'000;
constexpr int64_t kBarCells = 24;

std::string Figures(const Snapshot& snapshot, int64_t elapsed_ms) {
  const int64_t per_second = snapshot.done * 1000 / std::max<int64_t>(elapsed_ms, 1);
  return fmt::format("{} of {}{} files  {} tasks/s  {} dead  {} retrying",
                     WithCommas(snapshot.done), WithCommas(snapshot.known),
                     snapshot.scanning ? "+" : "", WithCommas(per_second),
                     WithCommas(snapshot.dead), WithCommas(snapshot.retrying));
}

std::string Bar(const Snapshot& snapshot) {
  const int64_t known = std::max<int64_t>(snapshot.known, 1);
  const auto full =
      static_cast<size_t>(std::clamp<int64_t>(snapshot.done * kBarCells / known, 0, kBarCells));
  return '[' + std::string(full, '#') + std::string(kBarCells - full, '.') + ']';
}

}  // namespace

Progress::~Progress() { Clear(); }

void Progress::Show(const Snapshot& snapshot, int64_t elapsed_ms) {
  const std::string figures = Figures(snapshot, elapsed_ms);
  if (console_.err_is_terminal()) {
    console_.Err(
        fmt::format("\r{}  {}\x1b[K", console_.PaintErr(Bar(snapshot), Color::kGreen), figures));
    bar_ = true;
  } else if (elapsed_ms - shown_at_ms_ >= kLineMs) {
    console_.Message(figures);
    shown_at_ms_ = elapsed_ms;
  }
}

void Progress::Clear() {
  if (bar_) console_.Err("\r\x1b[K");
  bar_ = false;
}

}  // namespace treadle::demo
