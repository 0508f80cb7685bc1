// FileJournal when the disk is full, fails a sync, or stops at any operation of one fixed workload.
// Everything acknowledged must be there at the next opening.
#include "journal/file_journal.h"
#include "sim/sim_disk.h"
#include "tests/conformance/journal_conformance.h"

namespace treadle {
namespace {

constexpr uint64_t kFramesMax = 60;

enum class End { kPowerFails, kProcessIsKilled };
constexpr End kEnds[] = {End::kPowerFails, End::kProcessIsKilled};

void Stop(sim::SimDisk* disk, End end) {
  end == End::kPowerFails ? disk->Restart() : disk->RestartProcess();
}

// An opening, and the randomness that it borrows.
class Opening {
 public:
  Opening(Disk* disk, uint64_t seed, uint64_t segment_bytes = kJournalSegmentBytes)
      : random_(seed),
        journal_(FileJournal::Open(disk, &random_, {kJournalDirectory, segment_bytes})) {}

  Status status() const { return journal_.status(); }
  FileJournal* get() const { return journal_->get(); }
  FileJournal* operator->() const { return get(); }

 private:
  SeededRandom random_;
  Result<std::unique_ptr<FileJournal>> journal_;
};

uint64_t Spares(Disk* disk) {
  const std::vector<std::string> names = *disk->List(kJournalDirectory);
  uint64_t spares = 0;
  for (const std::string& name : names) spares += SpareFiles::IsSpare(name) ? 1 : 0;
  return spares;
}

// What the journal acknowledged.
struct Told {
  uint64_t acknowledged = 0;
  uint64_t trimmed = 0;
  uint32_t term = 0;
};

// Opens twice, appends over several segments, makes room and trims, until something fails.
Status Work(Disk* disk, Told* told) {
  for (const uint64_t last : {kFramesMax / 2, kFramesMax}) {
    const Opening journal(disk, last);
    TREADLE_RETURN_IF_ERROR(journal.status());
    told->term = journal->term();
    while (told->acknowledged < last) {
      const uint64_t next = told->acknowledged + 1;
      TREADLE_RETURN_IF_ERROR(AppendFrames(journal.get(), next, next));
      told->acknowledged = next;
      if (next % 20 == 5) TREADLE_RETURN_IF_ERROR(journal->MakeRoom());
      if (next % 20 != 15) continue;
      told->trimmed = next - 10;
      TREADLE_RETURN_IF_ERROR(journal->Trim(told->trimmed));
    }
  }
  return {};
}

void ExpectAllThatWasTold(sim::SimDisk* disk, const Told& told) {
  const Opening journal(disk, 77);
  ASSERT_TRUE(journal.status().ok()) << journal.status().ToString();
  const uint64_t last = journal->recovered_sequence();
  EXPECT_GT(journal->term(), told.term);
  EXPECT_GE(last, told.acknowledged);
  EXPECT_LE(last, told.acknowledged + 1);  // one was in progress
  EXPECT_LE(journal->first_sequence(), told.trimmed + 1);
  if (last >= journal->first_sequence())
    ExpectFrames(journal.get(), journal->first_sequence(), last);
  EXPECT_TRUE(AppendFrames(journal.get(), last + 1, last + 1).ok());
}

TEST(JournalDiskTrouble, DyingAtAnyOperationOfAWorkloadKeepsWhatWasAcknowledged) {
  sim::SimDisk whole(1);
  Told all;
  ASSERT_TRUE(Work(&whole, &all).ok());
  ASSERT_GT(all.trimmed, 0u);
  for (const End end : kEnds)
    for (uint64_t seed = 1; seed <= 8; ++seed)
      for (uint64_t n = 1; n <= whole.operations(); ++n) {
        SCOPED_TRACE(testing::Message() << "seed " << seed << ", operation " << n << ", "
                                        << (end == End::kPowerFails ? "power fails" : "killed"));
        sim::SimDisk disk(seed);
        Told told;
        disk.CrashAt(n);
        ASSERT_EQ(Work(&disk, &told).code(), Code::kUnavailable);
        Stop(&disk, end);
        ExpectAllThatWasTold(&disk, told);
        disk.Restart();  // what the opening found must also stay
        EXPECT_TRUE(Opening(&disk, 78).status().ok());
        ASSERT_FALSE(testing::Test::HasFailure());
      }
}

TEST(JournalDiskTrouble, AFullDiskDuringRotationStopsTheJournalAndNothingIsLost) {
  for (const End end : kEnds)
    for (uint64_t room = 0; room < 2 * kJournalSegmentBytes; room += 512) {
      SCOPED_TRACE(testing::Message() << room << " bytes free");
      sim::SimDisk disk(room + 1);
      Told told;
      {
        const Opening journal(&disk, 1);
        told.term = journal->term();
        disk.SetCapacity(kJournalSegmentBytes + room);
        Status status;
        while ((status = AppendFrames(journal.get(), told.acknowledged + 1, told.acknowledged + 1))
                   .ok())
          ++told.acknowledged;
        EXPECT_EQ(status.code(), Code::kResourceExhausted);
        EXPECT_GE(told.acknowledged, 10u);
        const uint64_t next = told.acknowledged + 1;
        EXPECT_EQ(AppendFrames(journal.get(), next, next).code(), Code::kResourceExhausted);
        EXPECT_EQ(journal->Sync().code(), Code::kResourceExhausted);
        ExpectFrames(journal.get(), 1, told.acknowledged);
      }
      Stop(&disk, end);
      EXPECT_EQ(Opening(&disk, 2).status().code(), Code::kResourceExhausted);
      EXPECT_EQ(Spares(&disk), 0u);  // no half-written spare uses up the remaining space
      disk.SetCapacity(UINT64_MAX);
      ExpectAllThatWasTold(&disk, told);
      ASSERT_FALSE(testing::Test::HasFailure());
    }
}

TEST(JournalDiskTrouble, AFullDiskInMakeRoomLeavesNoHalfSpareWhereverItFillsUp) {
  for (uint64_t room = 0; room < kJournalSegmentBytes; room += 512) {
    SCOPED_TRACE(testing::Message() << room << " bytes free");
    sim::SimDisk disk(room + 1);
    const Opening journal(&disk, 1);
    disk.SetCapacity(kJournalSegmentBytes + room);
    for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
      EXPECT_EQ(journal->MakeRoom().code(), Code::kResourceExhausted);
      EXPECT_EQ(Spares(&disk), 0u);
      EXPECT_TRUE(AppendFrames(journal.get(), sequence, sequence).ok());
    }
    disk.SetCapacity(2 * kJournalSegmentBytes);
    EXPECT_TRUE(journal->MakeRoom().ok());
    EXPECT_EQ(Spares(&disk), 1u);
    ExpectFrames(journal.get(), 1, 3);
  }
}

// A failed sync may leave pages in the cache that the kernel considers clean. The next process
// reads them, but another sync does not write them to the disk.
TEST(JournalDiskTrouble, FramesReadAfterAFailedSyncAreDurableOnceTheJournalIsOpen) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    sim::SimDisk disk(seed);
    {
      const Opening journal(&disk, 1);
      ASSERT_TRUE(AppendFrames(journal.get(), 1, 3).ok());
      ASSERT_TRUE(AppendFrames(journal.get(), 4, 6, Journal::Durability::kWritten).ok());
      disk.FailNextSync();
      EXPECT_EQ(AppendFrames(journal.get(), 7, 7).code(), Code::kUnavailable);
    }
    disk.RestartProcess();
    Told told;
    {
      const Opening journal(&disk, 2);
      ASSERT_TRUE(journal.status().ok()) << journal.status().ToString();
      told = {journal->recovered_sequence(), 0, journal->term()};
      EXPECT_GE(told.acknowledged, 3u);
    }
    disk.Restart();
    ExpectAllThatWasTold(&disk, told);
    ASSERT_FALSE(testing::Test::HasFailure());
  }
}

TEST(JournalDiskTrouble, ASpareWhoseSyncFailedIsNeverUsed) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    sim::SimDisk disk(seed);
    Told told;
    {
      const Opening journal(&disk, 1);
      ASSERT_TRUE(AppendFrames(journal.get(), 1, 3).ok());
      disk.FailNextSync();
      EXPECT_EQ(journal->MakeRoom().code(), Code::kUnavailable);
    }
    disk.RestartProcess();
    {
      const Opening journal(&disk, 2);
      ASSERT_TRUE(AppendFrames(journal.get(), 4, 4).ok());
      told = {4, 0, journal->term()};
    }
    disk.Restart();
    ExpectAllThatWasTold(&disk, told);
    ASSERT_FALSE(testing::Test::HasFailure());
  }
}

// The file was a spare when it was opened. Under that name an operator would find no file, or the
// wrong one.
TEST(JournalDiskTrouble, AFailureNamesTheSegmentByItsCurrentName) {
  sim::SimDisk disk(1);
  const Opening journal(&disk, 1);
  ASSERT_TRUE(AppendFrames(journal.get(), 1, 3).ok());
  disk.FailNextSync();
  const Status failed = AppendFrames(journal.get(), 4, 4);
  EXPECT_NE(failed.message().find("/00000000000000000001.seg"), std::string::npos)
      << failed.ToString();
}

// A frame exists only in the page cache, and reading it fails while it is made durable. The frames
// fit into one read, or are read again before they are written.
void MisreadWhileFramesAreMadeDurable(size_t effects_bytes) {
  constexpr uint64_t kFew = 8;
  constexpr uint64_t kRoomy = 64 << 10;
  uint64_t misread = 0;
  for (uint64_t after = 0; after < 40; ++after) {
    sim::SimDisk disk(after);
    {
      const Opening journal(&disk, 1, kRoomy);
      const std::string effects(effects_bytes, 'e');
      for (uint64_t i = 1; i <= kFew; ++i)
        ASSERT_TRUE(journal->Append({i, {}, effects}, Journal::Durability::kWritten).ok());
    }
    disk.RestartProcess();
    disk.MisreadNext(after);
    const uint64_t found = [&] {
      const Opening journal(&disk, 2, kRoomy);
      misread += disk.insults();
      return journal.status().ok() ? journal->recovered_sequence() : 0;
    }();
    if (found < kFew) continue;  // refused or cut: nothing in it was ever durable
    disk.Restart();
    const Opening journal(&disk, 3, kRoomy);
    ASSERT_TRUE(journal.status().ok()) << after << ": " << journal.status().ToString();
    EXPECT_EQ(journal->recovered_sequence(), kFew) << after;
  }
  EXPECT_GE(misread, 2U);
}

TEST(FileJournalDiskTrouble, AMisreadWhileFramesAreMadeDurableLosesNone) {
  MisreadWhileFramesAreMadeDurable(7);
  MisreadWhileFramesAreMadeDurable(1'200);
}

}  // namespace
}  // namespace treadle
