// FileJournal on a machine that dies at every single disk operation, again and again. Everything
// acknowledged must be there, in order and unchanged, and nothing that was cut may come back.
#include <algorithm>
#include <map>
#include <vector>

#include "base/test_rounds.h"
#include "journal/file_journal.h"
#include "sim/sim_disk.h"
#include "tests/conformance/journal_conformance.h"

namespace treadle {
namespace {

FileJournalOptions Options(size_t streams) {
  return {
      .directory = "/journal", .segment_bytes = 8192, .streams = static_cast<uint16_t>(streams)};
}

// Every other seed has one stream.
uint16_t StreamsOf(uint64_t seed) { return seed % 2 == 0 ? 1 : 3; }

// Drives one journal through crashes and remembers what it acknowledged, of each of its streams.
class CrashingJournal {
 public:
  explicit CrashingJournal(uint64_t seed, uint16_t streams = 1)
      : random_(seed), disk_(seed), streams_(streams) {}

  sim::SimDisk& disk() { return disk_; }

  // Opens and works until it has done `steps`, or the machine dies.
  void Run(int steps) {
    auto opened = FileJournal::Open(&disk_, &random_, Options(streams_.size()));
    if (disk_.dead()) return;
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    journal_ = *std::move(opened);
    ASSERT_GT(journal_->term(), term_);
    term_ = journal_->term();
    for (ShardId id = 1; id <= streams_.size(); ++id) CheckRecovered(id);
    for (int i = 0; i < steps && !disk_.dead() && !testing::Test::HasFailure(); ++i) Step();
    journal_.reset();
  }

  // Only the process dies, or the machine loses power.
  void Crash() {
    if (random_.OneIn(3)) return disk_.RestartProcess();
    disk_.Restart();
    for (Stream& stream : streams_) stream.written = stream.durable;
  }

 private:
  struct Stream {
    uint64_t durable = 0;
    uint64_t written = 0;
    uint64_t attempted = 0;
    uint64_t trimmed = 0;
    std::map<uint64_t, uint64_t> life;  // with which EffectsOf() last appended a sequence
  };

  void CheckRecovered(ShardId id) {
    Stream& stream = streams_[id - 1U];
    Journal* const journal = journal_->stream(id);
    const uint64_t last = journal->recovered_sequence();
    ASSERT_GE(last, stream.written);    // nothing acknowledged is lost
    ASSERT_LE(last, stream.attempted);  // nothing is made up
    ASSERT_LE(journal->first_sequence(), stream.trimmed + 1);
    // What an opening reports is durable.
    stream.attempted = stream.written = stream.durable = last;
    CheckFrames(id);
  }

  void CheckFrames(ShardId id) {
    Stream& stream = streams_[id - 1U];
    Journal* const journal = journal_->stream(id);
    uint64_t expected = journal->first_sequence();
    const Status read = journal->Read(expected, stream.written, [&](const Frame& frame) -> Status {
      EXPECT_EQ(frame.sequence, expected++);
      EXPECT_EQ(frame.stream, id);
      EXPECT_TRUE(frame.effects == EffectsOf(frame.sequence, stream.life.at(frame.sequence)))
          << "frame " << frame.sequence << " of stream " << id;
      return {};
    });
    ASSERT_TRUE(read.ok() || disk_.dead()) << read.ToString();
    ASSERT_TRUE(!read.ok() || expected == stream.written + 1);
  }

  void Step() {
    const auto id = static_cast<ShardId>(1 + random_.Below(streams_.size()));
    Stream& stream = streams_[id - 1U];
    switch (random_.Below(12)) {
      case 0:
        return Check(journal_->Sync(), [&] { AllIsDurable(); });
      case 1: {
        const uint64_t sequence = random_.Below(stream.durable + 1);
        stream.trimmed = std::max(stream.trimmed, sequence);
        return Check(journal_->stream(id)->Trim(sequence), [] {});
      }
      case 2:
        return Check(journal_->MakeRoom(), [] {});
      case 3:
        return CheckFrames(id);
      default:
        return Append(random_.OneIn(2) ? Journal::Durability::kSynced
                                       : Journal::Durability::kWritten);
    }
  }

  // A frame, or a few of any streams together.
  void Append(Journal::Durability durability) {
    const size_t count = random_.OneIn(4) ? 1 + random_.Below(5) : 1;
    std::vector<std::string> effects;
    std::vector<Frame> frames;
    for (size_t i = 0; i < count; ++i) {
      const auto id = static_cast<ShardId>(1 + random_.Below(streams_.size()));
      Stream& stream = streams_[id - 1U];
      stream.attempted = std::max(stream.attempted, stream.written) + 1;
      stream.life[stream.attempted] = ++lives_;
      effects.push_back(EffectsOf(stream.attempted, lives_));
      frames.push_back({stream.attempted, TimeOf(stream.attempted), {}, id});
    }
    for (size_t i = 0; i < count; ++i) frames[i].effects = effects[i];
    Check(journal_->Append(frames, durability), [&] {
      for (const Frame& frame : frames) streams_[frame.stream - 1U].written = frame.sequence;
      if (durability == Journal::Durability::kSynced) AllIsDurable();
    });
  }

  void AllIsDurable() {
    for (Stream& stream : streams_) stream.durable = stream.written;
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
  uint64_t lives_ = 0;
  std::vector<Stream> streams_;
};

TEST(JournalCrash, AtEveryOperationKeepsWhatWasAcknowledged) {
  for (uint64_t seed = 1; seed <= TestRounds(25U, 5U); ++seed) {
    bool survived = false;
    for (uint64_t n = 1; !survived; ++n) {
      CrashingJournal journal(seed * 1000 + n, StreamsOf(seed));
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
    CrashingJournal journal(seed, StreamsOf(seed));
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
          const auto journal = *FileJournal::Open(&disk, &random, Options(1));
          ASSERT_TRUE(AppendFrames(journal.get(), 1, 60).ok());
          disk.CrashAt(n);
          ASSERT_FALSE(journal->Trim(60).ok());
        }
        disk.RestartProcess();
        disk.CrashAt(m);
        ASSERT_FALSE(FileJournal::Open(&disk, &random, Options(1)).ok());
        disk.Restart();
        const auto journal = FileJournal::Open(&disk, &random, Options(1));
        ASSERT_TRUE(journal.ok()) << journal.status().ToString() << ", seed " << seed;
        ASSERT_EQ((*journal)->recovered_sequence(), 60u);
      }
}

}  // namespace
}  // namespace treadle
