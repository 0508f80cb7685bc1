#include "journal/journal_snapshot.h"

#include <algorithm>

#include "base/check.h"
#include "journal/segment_reader.h"

namespace treadle {
uint32_t JournalSnapshot::term() const {
  return scan_.segments.empty() ? 1 : scan_.segments.back().term + 1;
}

uint64_t JournalSnapshot::first_sequence() const {
  return scan_.segments.empty() ? scan_.last_sequence + 1 : scan_.segments[0].first_sequence;
}

Status JournalSnapshot::Read(uint64_t from, uint64_t to, const Visitor& visit) {
  TREADLE_CHECK(from >= first_sequence() && to <= scan_.last_sequence);
  for (size_t i = 0; i < scan_.segments.size(); ++i) {
    const bool is_last = i + 1 == scan_.segments.size();
    const uint64_t end = is_last ? to : std::min(to, scan_.segments[i + 1].first_sequence - 1);
    if (end < from) continue;
    const std::string path = directory_ + "/" + SegmentName(scan_.segments[i].number);
    TREADLE_RETURN_IF_ERROR(VisitFrames(disk_, path, from, end, visit));
    from = end + 1;
  }
  return {};
}

Status JournalSnapshot::Append(std::span<const Frame>, Durability) { return OnlyForReading(); }
Status JournalSnapshot::Sync() { return OnlyForReading(); }
Status JournalSnapshot::Trim(uint64_t) { return OnlyForReading(); }
Status JournalSnapshot::MakeRoom() { return OnlyForReading(); }

}  // namespace treadle
