#include "tests/conformance/journal_conformance.h"

#include <algorithm>
#include <atomic>
#include <span>
#include <thread>
#include <vector>

#include "base/random.h"

namespace treadle {

std::string EffectsOf(uint64_t sequence, uint64_t life) {
  SeededRandom random(Mix64(sequence) + life);
  std::string effects(random.Below(301), '\0');
  for (char& c : effects) c = static_cast<char>(1 + random.Below(255));
  return effects;
}

ShardTime TimeOf(uint64_t sequence) { return {static_cast<int64_t>(sequence) * 10 - 35}; }

void ExpectFrames(Journal* journal, uint64_t from, uint64_t to) {
  uint64_t expected = from;
  const Status read = journal->Read(from, to, [&](const Frame& frame) -> Status {
    EXPECT_EQ(frame.sequence, expected);
    EXPECT_EQ(frame.time, TimeOf(expected));
    EXPECT_TRUE(frame.effects == EffectsOf(expected)) << "frame " << expected;
    ++expected;
    return {};
  });
  EXPECT_TRUE(read.ok()) << read.ToString();
  EXPECT_EQ(expected, to + 1);
}

Status AppendFrames(Journal* journal, uint64_t from, uint64_t to, Journal::Durability durability) {
  for (uint64_t sequence = from; sequence <= to; ++sequence)
    TREADLE_RETURN_IF_ERROR(
        journal->Append({sequence, TimeOf(sequence), EffectsOf(sequence)}, durability));
  return {};
}

void JournalConformance::Reopen() {
  journal_.reset();
  auto journal = home_->Open();
  ASSERT_TRUE(journal.ok()) << journal.status().ToString();
  journal_ = *std::move(journal);
}

TEST_P(JournalConformance, ANewJournalHoldsNothing) {
  EXPECT_GE(journal_->term(), 1u);
  EXPECT_EQ(journal_->first_sequence(), 1u);
  EXPECT_EQ(journal_->recovered_sequence(), 0u);
}

TEST_P(JournalConformance, FramesAreReadBackAsTheyWereAppended) {
  ASSERT_TRUE(AppendFrames(journal_.get(), 1, 300).ok());
  ExpectFrames(journal_.get(), 1, 300);
}

TEST_P(JournalConformance, ReadBeginsAndEndsAtTheGivenSequences) {
  ASSERT_TRUE(AppendFrames(journal_.get(), 1, 120).ok());
  for (uint64_t from = 1; from <= 120; from += 17)
    for (uint64_t to = from; to <= 120; to += 23) ExpectFrames(journal_.get(), from, to);
}

TEST_P(JournalConformance, ReadStopsAtTheFirstErrorOfItsVisitor) {
  ASSERT_TRUE(AppendFrames(journal_.get(), 1, 20).ok());
  uint64_t visited = 0;
  const Status read = journal_->Read(1, 20, [&](const Frame& frame) {
    ++visited;
    return frame.sequence == 7 ? Status(Code::kCancelled, "enough") : Status();
  });
  EXPECT_EQ(read.code(), Code::kCancelled);
  EXPECT_EQ(visited, 7u);
}

TEST_P(JournalConformance, FramesOutliveTheirOpeningAndSequencesContinue) {
  for (uint64_t opening = 0; opening < 6; ++opening) {
    EXPECT_EQ(journal_->recovered_sequence(), opening * 40);
    ASSERT_TRUE(AppendFrames(journal_.get(), opening * 40 + 1, opening * 40 + 40).ok());
    Reopen();
    ExpectFrames(journal_.get(), 1, opening * 40 + 40);
  }
}

TEST_P(JournalConformance, TheTermRisesWithEveryOpening) {
  for (int opening = 0; opening < 5; ++opening) {
    const uint32_t before = journal_->term();
    Reopen();
    EXPECT_GT(journal_->term(), before);
  }
}

TEST_P(JournalConformance, SyncedFramesSurviveALossOfPower) {
  ASSERT_TRUE(AppendFrames(journal_.get(), 1, 100).ok());
  journal_.reset();
  if (!home_->LosePower()) GTEST_SKIP() << "this home cannot lose power";
  Reopen();
  EXPECT_EQ(journal_->recovered_sequence(), 100u);
  ExpectFrames(journal_.get(), 1, 100);
}

TEST_P(JournalConformance, WrittenFramesAreDurableAfterSync) {
  const auto written = Journal::Durability::kWritten;
  ASSERT_TRUE(AppendFrames(journal_.get(), 1, 100, written).ok());
  ASSERT_TRUE(journal_->Sync().ok());
  ASSERT_TRUE(AppendFrames(journal_.get(), 101, 110, written).ok());
  ExpectFrames(journal_.get(), 1, 110);
  journal_.reset();
  const bool lost = home_->LosePower();
  Reopen();
  EXPECT_GE(journal_->recovered_sequence(), lost ? 100u : 110u);
  ExpectFrames(journal_.get(), 1, journal_->recovered_sequence());
}

TEST_P(JournalConformance, ASyncedFrameMakesAllBeforeItDurable) {
  ASSERT_TRUE(AppendFrames(journal_.get(), 1, 150, Journal::Durability::kWritten).ok());
  ASSERT_TRUE(AppendFrames(journal_.get(), 151, 151).ok());
  journal_.reset();
  if (!home_->LosePower()) GTEST_SKIP() << "this home cannot lose power";
  Reopen();
  EXPECT_EQ(journal_->recovered_sequence(), 151u);
  ExpectFrames(journal_.get(), 1, 151);
}

TEST_P(JournalConformance, FramesThatAreAppendedTogetherAreDurableTogether) {
  std::vector<std::string> effects;
  for (uint64_t sequence = 1; sequence <= 100; ++sequence) effects.push_back(EffectsOf(sequence));
  std::vector<Frame> frames;
  for (uint64_t sequence = 1; sequence <= 100; ++sequence)
    frames.push_back({sequence, TimeOf(sequence), effects[sequence - 1]});
  const std::span<const Frame> all(frames);
  for (size_t from = 0, count = 1; from < 100; from += count, ++count)
    ASSERT_TRUE(
        journal_
            ->Append(all.subspan(from, std::min(count, 100 - from)), Journal::Durability::kSynced)
            .ok());
  ExpectFrames(journal_.get(), 1, 100);
  journal_.reset();
  home_->LosePower();
  Reopen();
  EXPECT_EQ(journal_->recovered_sequence(), 100u);
  ExpectFrames(journal_.get(), 1, 100);
}

TEST_P(JournalConformance, TrimKeepsEveryLaterFrame) {
  ASSERT_TRUE(AppendFrames(journal_.get(), 1, 200).ok());
  for (uint64_t trimmed = 0; trimmed <= 200; trimmed += 9) {
    ASSERT_TRUE(journal_->Trim(trimmed).ok());
    EXPECT_LE(journal_->first_sequence(), trimmed + 1);
    ExpectFrames(journal_.get(), journal_->first_sequence(), 200);
  }
  EXPECT_GT(journal_->first_sequence(), 1u);
  const uint64_t first = journal_->first_sequence();
  Reopen();
  EXPECT_EQ(journal_->first_sequence(), first);
  ExpectFrames(journal_.get(), first, 200);
}

TEST_P(JournalConformance, TrimmingAgainChangesNothing) {
  ASSERT_TRUE(AppendFrames(journal_.get(), 1, 200).ok());
  ASSERT_TRUE(journal_->Trim(150).ok());
  const uint64_t first = journal_->first_sequence();
  ASSERT_TRUE(journal_->Trim(150).ok());
  ASSERT_TRUE(journal_->Trim(0).ok());
  EXPECT_EQ(journal_->first_sequence(), first);
}

TEST_P(JournalConformance, SpaceIsReusedForManyRounds) {
  uint64_t next = 1;
  for (int round = 0; round < 6; ++round) {
    ASSERT_TRUE(AppendFrames(journal_.get(), next, next + 99).ok());
    next += 100;
    ASSERT_TRUE(journal_->Trim(next - 10).ok());
    ASSERT_TRUE(journal_->MakeRoom().ok());
    if (round % 3 == 2) Reopen();
    ExpectFrames(journal_.get(), next - 9, next - 1);
  }
}

TEST_P(JournalConformance, AJournalTrimmedToItsEndContinuesAfterReopening) {
  ASSERT_TRUE(AppendFrames(journal_.get(), 1, 77).ok());
  Reopen();
  ASSERT_TRUE(journal_->Trim(77).ok());
  EXPECT_EQ(journal_->first_sequence(), 78u);
  Reopen();
  EXPECT_EQ(journal_->recovered_sequence(), 77u);
  EXPECT_EQ(journal_->first_sequence(), 78u);
  ASSERT_TRUE(AppendFrames(journal_.get(), 78, 80).ok());
  ExpectFrames(journal_.get(), 78, 80);
}

TEST_P(JournalConformance, TheLargestFrameFitsAndALargerOneIsRejectedWithoutHarm) {
  const std::string large(home_->effects_bytes_max(), 'x');
  ASSERT_TRUE(AppendFrames(journal_.get(), 1, 3).ok());
  EXPECT_EQ(
      journal_->Append({4, TimeOf(4), large + "12345678"}, Journal::Durability::kSynced).code(),
      Code::kInvalidArgument);
  ASSERT_TRUE(journal_->Append({4, TimeOf(4), large}, Journal::Durability::kSynced).ok());
  ASSERT_TRUE(AppendFrames(journal_.get(), 5, 6).ok());
  Reopen();
  EXPECT_EQ(journal_->recovered_sequence(), 6u);
  ExpectFrames(journal_.get(), 5, 6);
  EXPECT_TRUE(journal_
                  ->Read(4, 4,
                         [&](const Frame& frame) -> Status {
                           EXPECT_TRUE(frame.effects == large);
                           return {};
                         })
                  .ok());
}

TEST_P(JournalConformance, MakeRoomMakesSpaceForTheLargestFrame) {
  ASSERT_TRUE(AppendFrames(journal_.get(), 1, 10).ok());
  ASSERT_TRUE(journal_->MakeRoom().ok());
  EXPECT_TRUE(journal_->HasRoomFor(home_->effects_bytes_max()));
}

TEST_P(JournalConformance, AfterMakeRoomAFullDiskDoesNotStopTheNextFrame) {
  ASSERT_TRUE(AppendFrames(journal_.get(), 1, 10).ok());
  ASSERT_TRUE(journal_->MakeRoom().ok());
  if (!home_->SetDiskFull(true)) GTEST_SKIP() << "this home's disk cannot be filled";
  const std::string large(home_->effects_bytes_max(), 'x');
  EXPECT_TRUE(journal_->Append({11, TimeOf(11), large}, Journal::Durability::kSynced).ok());
}

TEST_P(JournalConformance, AFullDiskInMakeRoomLeavesTheJournalUsable) {
  if (!home_->SetDiskFull(true)) GTEST_SKIP() << "this home's disk cannot be filled";
  EXPECT_EQ(journal_->MakeRoom().code(), Code::kResourceExhausted);
  ASSERT_TRUE(journal_->HasRoomFor(300));
  ASSERT_TRUE(AppendFrames(journal_.get(), 1, 1).ok());
  EXPECT_EQ(journal_->MakeRoom().code(), Code::kResourceExhausted);
  home_->SetDiskFull(false);
  EXPECT_TRUE(journal_->MakeRoom().ok());
  ASSERT_TRUE(AppendFrames(journal_.get(), 2, 100).ok());
  Reopen();
  ExpectFrames(journal_.get(), 1, 100);
}

TEST_P(JournalConformance, OneThreadReadsAndTrimsWhileAnotherAppends) {
  if (!home_->allows_threads()) GTEST_SKIP() << "this home is for one thread";
  constexpr uint64_t kFrames = 200;
  std::atomic<uint64_t> appended = 0;
  std::thread appender([&] {
    for (uint64_t sequence = 1; sequence <= kFrames; ++sequence) {
      EXPECT_TRUE(AppendFrames(journal_.get(), sequence, sequence).ok());
      appended = sequence;
      journal_->HasRoomFor(100);
    }
  });
  for (uint64_t done = 0; done < kFrames && !HasFailure();) {
    const uint64_t to = appended;
    if (to == done) continue;
    ExpectFrames(journal_.get(), done + 1, to);
    done = to;
    EXPECT_TRUE(journal_->Trim(done).ok());
    EXPECT_TRUE(journal_->MakeRoom().ok());
    EXPECT_GT(journal_->term(), 0u);
  }
  appender.join();
}

}  // namespace treadle
