// The suite that every Journal must pass. To add a kind of journal, instantiate JournalConformance
// with a home for it:
//
//   INSTANTIATE_TEST_SUITE_P(Mine, JournalConformance,
//                            testing::Values(JournalKind{"mine", MakeMyHome}), JournalKindName);
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "journal/journal.h"

namespace treadle {

/// Where one test's journal lives, across reopenings. It should free space in small pieces: 16
/// KiB hold only a few of them.
class JournalHome {
 public:
  virtual ~JournalHome() = default;

  /// Opens the journal as it was left; empty at first. The previous Journal must be gone.
  virtual Result<std::unique_ptr<Journal>> Open() = 0;
  /// Limit for the effects of one frame, in bytes.
  virtual uint64_t effects_bytes_max() const = 0;
  /// The machine loses everything unsynced. The Journal must be gone. False: this home cannot do
  /// that.
  virtual bool LosePower() = 0;
  /// While set, nothing more fits on the disk. False: this home cannot do that.
  virtual bool SetDiskFull(bool full) = 0;
  /// Whether its journals may be used by several threads, as far as Journal allows it.
  virtual bool allows_threads() const = 0;
};

struct JournalKind {
  std::string name;
  std::function<std::unique_ptr<JournalHome>()> make;
};

// GoogleTest's hook for the names that ctest shows. Without it they are the bytes of the object.
inline void PrintTo(const JournalKind& kind, std::ostream* out) { *out << kind.name; }

inline std::string JournalKindName(const testing::TestParamInfo<JournalKind>& info) {
  return info.param.name;
}

/// For tests that open a journal on a simulated disk themselves.
inline const std::string kJournalDirectory = "/journal";
inline constexpr uint64_t kJournalSegmentBytes = 8192;

/// Effects unique to this sequence (and `life`), 0 to 300 bytes long, none of them zero.
std::string EffectsOf(uint64_t sequence, uint64_t life = 0);
ShardTime TimeOf(uint64_t sequence);

/// Reads `from`..`to` and expects every frame to match EffectsOf() and TimeOf().
void ExpectFrames(Journal* journal, uint64_t from, uint64_t to);
/// Appends the frames `from`..`to`. Returns the first failure, if any.
Status AppendFrames(Journal* journal, uint64_t from, uint64_t to,
                    Journal::Durability durability = Journal::Durability::kSynced);

class JournalConformance : public testing::TestWithParam<JournalKind> {
 protected:
  JournalConformance() : home_(GetParam().make()) { Reopen(); }

  void Reopen();

  std::unique_ptr<JournalHome> home_;
  std::unique_ptr<Journal> journal_;
};

}  // namespace treadle
