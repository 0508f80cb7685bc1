// JournalSalvage on damaged files: it finds every intact frame, and never one that was not part of
// the log.
#include "journal/journal_salvage.h"

#include <gtest/gtest.h>

#include "journal/file_journal.h"
#include "journal/recovery_scan.h"
#include "sim/sim_disk.h"
#include "tests/conformance/journal_conformance.h"

namespace treadle {
namespace {

constexpr uint64_t kFramesWritten = 60;  // in several segments

std::string PathOf(uint64_t number) { return kJournalDirectory + "/" + SegmentName(number); }

class JournalSalvageTest : public testing::Test {
 protected:
  JournalSalvageTest() { EXPECT_TRUE(disk_.CreateDirectory(kJournalDirectory).ok()); }

  std::unique_ptr<FileJournal> Open() {
    return *FileJournal::Open(&disk_, &random_, {kJournalDirectory, kJournalSegmentBytes});
  }
  void WriteAll() { ASSERT_TRUE(AppendFrames(Open().get(), 1, kFramesWritten).ok()); }

  JournalSalvage Survey() {
    Result<JournalSalvage> salvage = JournalSalvage::Survey(&disk_, kJournalDirectory);
    EXPECT_TRUE(salvage.ok()) << salvage.status().ToString();
    return *std::move(salvage);
  }
  SegmentHeader HeaderOf(uint64_t number) {
    const auto file = *disk_.Open(PathOf(number), Disk::Mode::kRead);
    std::string bytes(kSegmentHeaderBytes, '\0');
    EXPECT_TRUE(file->Read(0, bytes.data(), bytes.size()).ok());
    return *DecodeSegmentHeader(bytes);
  }
  // Where frame `sequence` begins in segment `number`.
  uint64_t OffsetOf(uint64_t number, uint64_t sequence) {
    uint64_t at = kSegmentHeaderBytes;
    for (uint64_t each = HeaderOf(number).first_sequence; each < sequence; ++each)
      at += FrameBytes(EffectsOf(each).size());
    return at;
  }

  sim::SimDisk disk_{1};
  SeededRandom random_{1};
};

using Runs = std::vector<std::pair<uint64_t, uint64_t>>;

// The runs. Reads each one and checks it against what was appended.
Runs RunsOf(JournalSalvage* salvage) {
  Runs runs;
  for (const JournalSalvage::Run& run : salvage->runs()) {
    ExpectFrames(salvage, run.first, run.last);
    runs.emplace_back(run.first, run.last);
  }
  return runs;
}

TEST_F(JournalSalvageTest, AWholeJournalIsOneRun) {
  WriteAll();
  JournalSalvage salvage = Survey();
  EXPECT_EQ(RunsOf(&salvage), (Runs{{1, kFramesWritten}}));
  EXPECT_EQ(salvage.last_known_sequence(), kFramesWritten);
  EXPECT_TRUE(salvage.has_newest());
  EXPECT_EQ(salvage.identity(), HeaderOf(1).identity);
}

TEST_F(JournalSalvageTest, AMissingDirectoryHoldsNothing) {
  const auto salvage = JournalSalvage::Survey(&disk_, "/nowhere");
  ASSERT_TRUE(salvage.ok());
  EXPECT_TRUE(salvage->runs().empty());
  EXPECT_FALSE(salvage->identity() || salvage->has_newest());
}

TEST_F(JournalSalvageTest, ADamagedFrameLeavesThoseOnBothSides) {
  WriteAll();
  for (const uint64_t sequence : {uint64_t{1}, uint64_t{5}, HeaderOf(2).first_sequence - 1,
                                  HeaderOf(2).first_sequence, HeaderOf(2).first_sequence + 1}) {
    const uint64_t number = sequence < HeaderOf(2).first_sequence ? 1 : 2;
    const uint64_t at = OffsetOf(number, sequence) + 20;
    disk_.FlipBit(PathOf(number), at, 3);
    JournalSalvage salvage = Survey();
    Runs expected = {{1, sequence - 1}, {sequence + 1, kFramesWritten}};
    if (sequence == 1) expected.erase(expected.begin());
    EXPECT_EQ(RunsOf(&salvage), expected);
    disk_.FlipBit(PathOf(number), at, 3);
  }
}

TEST_F(JournalSalvageTest, DamageInTheLastFrameIsATornEnd) {
  WriteAll();
  const uint64_t last = Survey().last_number();
  disk_.FlipBit(PathOf(last), OffsetOf(last, kFramesWritten) + 20, 3);
  JournalSalvage salvage = Survey();
  EXPECT_EQ(RunsOf(&salvage), (Runs{{1, kFramesWritten - 1}}));
}

TEST_F(JournalSalvageTest, ADamagedHeaderOrAMissingSegmentLosesOnlyItsFrames) {
  WriteAll();
  const Runs expected = {{1, HeaderOf(2).first_sequence - 1},
                         {HeaderOf(3).first_sequence, kFramesWritten}};
  disk_.FlipBit(PathOf(2), 30, 0);
  JournalSalvage salvage = Survey();
  EXPECT_EQ(RunsOf(&salvage), expected);
  ASSERT_TRUE(disk_.Remove(PathOf(2)).ok());
  salvage = Survey();
  EXPECT_EQ(RunsOf(&salvage), expected);
  EXPECT_TRUE(salvage.has_newest());
}

TEST_F(JournalSalvageTest, ATruncatedNewestSegmentIsReadAsFarAsItGoes) {
  WriteAll();
  const uint64_t last = Survey().last_number();
  disk_.Cut(PathOf(last), OffsetOf(last, kFramesWritten) + 8);
  JournalSalvage salvage = Survey();
  EXPECT_EQ(RunsOf(&salvage), (Runs{{1, kFramesWritten - 1}}));
  EXPECT_FALSE(salvage.has_newest());
}

// Frames 4 to 6 were written but not synced, and 4 is torn. The next opening cut there, so frames 4
// to 8 of the next life are the true ones.
TEST_F(JournalSalvageTest, FramesAfterATornEndNeverComeBack) {
  {
    const auto journal = Open();
    ASSERT_TRUE(AppendFrames(journal.get(), 1, 3).ok());
    for (uint64_t sequence = 4; sequence <= 6; ++sequence) {
      const std::string effects = EffectsOf(sequence, /*life=*/1);
      ASSERT_TRUE(
          journal->Append({sequence, TimeOf(sequence), effects}, Journal::Durability::kWritten)
              .ok());
    }
    ASSERT_TRUE(journal->Sync().ok());
  }
  disk_.FlipBit(PathOf(1), OffsetOf(1, 4) + 20, 3);
  ASSERT_TRUE(AppendFrames(Open().get(), 4, 8).ok());
  JournalSalvage salvage = Survey();
  EXPECT_EQ(RunsOf(&salvage), (Runs{{1, 8}}));

  disk_.FlipBit(PathOf(2), 30, 0);  // damages the header that records the cut
  salvage = Survey();
  EXPECT_EQ(RunsOf(&salvage), (Runs{{1, 3}}));
  ASSERT_TRUE(disk_.Remove(PathOf(2)).ok());
  salvage = Survey();
  EXPECT_EQ(RunsOf(&salvage), (Runs{{1, 3}}));
}

TEST_F(JournalSalvageTest, AFlippedBitLosesAtMostASegmentAndInventsNothing) {
  WriteAll();
  const uint64_t segments = Survey().last_number();
  for (uint64_t number = 1; number <= segments; ++number) {
    const uint64_t first = HeaderOf(number).first_sequence;
    const uint64_t end =
        number < segments ? HeaderOf(number + 1).first_sequence : kFramesWritten + 1;
    for (uint64_t at = 0; at < kJournalSegmentBytes; at += at < 64 ? 1 : 37) {
      disk_.FlipBit(PathOf(number), at, at % 8);
      JournalSalvage salvage = Survey();
      uint64_t found = 0;
      for (const auto& [from, to] : RunsOf(&salvage)) found += to - from + 1;
      EXPECT_GE(found, kFramesWritten - (at < kSegmentHeaderBytes ? end - first : 1))
          << number << " " << at;
      disk_.FlipBit(PathOf(number), at, at % 8);
    }
  }
}

TEST_F(JournalSalvageTest, ANewerFormatAndTwoJournalsAreRefused) {
  WriteAll();
  SegmentHeader header = HeaderOf(1);
  header.number = 99;
  header.identity ^= 1;
  const auto file = *disk_.Open(PathOf(99), Disk::Mode::kCreate);
  ASSERT_TRUE(file->Write(0, EncodeSegmentHeader(header)).ok());
  EXPECT_EQ(JournalSalvage::Survey(&disk_, kJournalDirectory).status().code(),
            Code::kFailedPrecondition);
}

TEST_F(JournalSalvageTest, OpeningAnEmptyJournalRaisesItsTerm) {
  ASSERT_TRUE(
      WriteEmptyJournal(&disk_, kJournalDirectory,
                        {.number = 7, .identity = 0x1d, .term = 1'009, .first_sequence = 41})
          .ok());
  const auto journal = Open();
  EXPECT_EQ(journal->identity(), 0x1du);
  EXPECT_EQ(journal->term(), 1'010u);
  EXPECT_EQ(journal->recovered_sequence(), 40u);
  EXPECT_EQ(journal->first_sequence(), 41u);
  EXPECT_TRUE(AppendFrames(journal.get(), 41, 50).ok());
}

}  // namespace
}  // namespace treadle
