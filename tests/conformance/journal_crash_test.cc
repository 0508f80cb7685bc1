// FileJournal on a machine that dies at every single disk operation, again and again. Everything
// acknowledged must be there, in order and unchanged, and nothing that was cut may come back.
#include <algorithm>
#include <map>

#include "base/test_rounds.h"
#include "journal/file_journal.h"
#include "sim/sim_disk.h"
#include "tests/conformance/journal_conformance.h"

namespace treadle {
namespace {

const FileJournalOptions kOptions{"/journal", 8192};

// Drives one journal through crashes and remembers what it acknowledged.
class CrashingJournal {
 public:
  explicit CrashingJournal(uint64_t seed) : random_(seed), disk_(seed) {}

  sim::SimDisk& disk() { return disk_; }

  // Opens and works until it has done `steps`, or the machine dies.
  void Run(int steps) {
    auto opened = FileJournal::Open(&disk_, &random_, kOptions);
    if (disk_.dead()) return;
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    journal_ = *std::move(opened);
    CheckRecovered();
    for (int i = 0; i < steps && !disk_.dead() && !testing::Test::HasFailure(); ++i) Step();
    journal_.reset();
  }

  // Only the process dies, or the machine loses power.
  void Crash() {
    if (random_.OneIn(3)) {
      disk_.RestartProcess();
    } else {
      disk_.Restart();
      written_ = durable_;
    }
  }

 private:
  void CheckRecovered() {
    ASSERT_GT(journal_->term(), term_);
    term_ = journal_->term();
    const uint64_t last = journal_->recovered_sequence();
    ASSERT_GE(last, written_);    // nothing acknowledged is lost
    ASSERT_LE(last, attempted_);  // nothing is made up
    ASSERT_LE(journal_->first_sequence(), trimmed_ + 1);
    attempted_ = written_ = durable_ = last;  // what an opening reports is durable
    CheckFrames();
  }

  void CheckFrames() {
    uint64_t expected = journal_->first_sequence();
    const Status read = journal_->Read(expected, written_, [&](const Frame& frame) -> Status {
      EXPECT_EQ(frame.sequence, expected++);
      EXPECT_TRUE(frame.effects == EffectsOf(frame.sequence, life_.at(frame.sequence)))
          << "frame " << frame.sequence;
      return {};
    });
    ASSERT_TRUE(read.ok() || disk_.dead()) << read.ToString();
    ASSERT_TRUE(!read.ok() || expected == written_ + 1);
  }

  void Step() {
    switch (random_.Below(12)) {
      case 0:
        return Check(journal_->Sync(), [&] { durable_ = written_; });
      case 1: {
        const uint64_t sequence = random_.Below(durable_ + 1);
        trimmed_ = std::max(trimmed_, sequence);
        return Check(journal_->Trim(sequence), [] {});
      }
      case 2:
        return Check(journal_->MakeRoom(), [] {});
      case 3:
        return CheckFrames();
      default:
        return Append(random_.OneIn(2) ? Journal::Durability::kSynced
                                       : Journal::Durability::kWritten);
    }
  }

  void Append(Journal::Durability durability) {
    const uint64_t sequence = written_ + 1;
    life_[sequence] = ++lives_;
    attempted_ = sequence;
    const std::string effects = EffectsOf(sequence, lives_);
    Check(journal_->Append({sequence, TimeOf(sequence), effects}, durability), [&] {
      written_ = sequence;
      if (durability == Journal::Durability::kSynced) durable_ = sequence;
    });
  }

  template <class Then>
  void Check(const Status& status, Then then) {
    ASSERT_TRUE(status.ok() || disk_.dead()) << status.ToString();
    if (status.ok()) then();
  }

  SeededRandom random_;
  sim::SimDisk disk_;
  std::unique_ptr<FileJournal> journal_;
  uint32_t term_ = 0;
  uint64_t durable_ = 0;
  uint64_t written_ = 0;
  uint64_t attempted_ = 0;
  uint64_t trimmed_ = 0;
  uint64_t lives_ = 0;
  std::map<uint64_t, uint64_t> life_;  // the `life` with which EffectsOf() last appended a sequence
};

TEST(JournalCrash, AtEveryOperationKeepsWhatWasAcknowledged) {
  for (uint64_t seed = 1; seed <= TestRounds(25U, 5U); ++seed) {
    bool survived = false;
    for (uint64_t n = 1; !survived; ++n) {
      CrashingJournal journal(seed * 1000 + n);
      journal.disk().CrashAt(n);
      journal.Run(80);
      survived = !journal.disk().dead();
      journal.Crash();
      journal.Run(10);
      if (testing::Test::HasFailure()) FAIL() << "seed " << seed << ", operation " << n;
    }
  }
}

TEST(JournalCrash, AgainAndAgainKeepsWhatWasAcknowledged) {
  for (uint64_t seed = 1; seed <= TestRounds(120U, 20U); ++seed) {
    SeededRandom random(seed);
    CrashingJournal journal(seed);
    for (int crash = 0; crash < 40; ++crash) {
      journal.disk().CrashAt(1 + random.Below(random.OneIn(3) ? 12 : 150));
      journal.Run(100);
      journal.Crash();
      if (testing::Test::HasFailure()) FAIL() << "seed " << seed << ", crash " << crash;
    }
    journal.Run(10);
  }
}

// A spare that the dead process has just made from a segment may be the segment again after a power
// failure.
TEST(JournalCrash, PowerLossRightAfterACrashLeavesNoHalfRecycledSegment) {
  for (uint64_t seed = 1; seed <= 40; ++seed)
    for (uint64_t n = 1; n <= 4; ++n)
      for (uint64_t m = 1; m <= 6; ++m) {
        sim::SimDisk disk(seed);
        SeededRandom random(seed);
        {
          const auto journal = *FileJournal::Open(&disk, &random, kOptions);
          ASSERT_TRUE(AppendFrames(journal.get(), 1, 60).ok());
          disk.CrashAt(n);
          ASSERT_FALSE(journal->Trim(60).ok());
        }
        disk.RestartProcess();
        disk.CrashAt(m);
        ASSERT_FALSE(FileJournal::Open(&disk, &random, kOptions).ok());
        disk.Restart();
        const auto journal = FileJournal::Open(&disk, &random, kOptions);
        ASSERT_TRUE(journal.ok()) << journal.status().ToString() << ", seed " << seed;
        ASSERT_EQ((*journal)->recovered_sequence(), 60u);
      }
}

}  // namespace
}  // namespace treadle
