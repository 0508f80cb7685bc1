// FileJournal opened on damaged files: a torn end at every place, a flipped bit in every byte, and
// segments that do not belong. What was proven durable is never dropped silently.
#include <algorithm>
#include <map>
#include <set>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/test_rounds.h"
#include "journal/file_journal.h"
#include "journal/recovery_scan.h"
#include "sim/sim_disk.h"
#include "tests/conformance/journal_conformance.h"

namespace treadle {
namespace {

const auto kWritten = Journal::Durability::kWritten;

using Files = std::map<std::string, std::string>;  // contents by name

std::string Path(const std::string& name) { return kJournalDirectory + "/" + name; }

Files ReadFiles(Disk* disk) {
  Files files;
  const std::vector<std::string> names = *disk->List(kJournalDirectory);
  for (const std::string& name : names) {
    const auto file = *disk->Open(Path(name), Disk::Mode::kRead);
    std::string content(*file->Size(), '\0');
    EXPECT_TRUE(file->Read(0, content.data(), content.size()).ok());
    files[name] = content;
  }
  return files;
}

// A disk that holds these files, all durable.
std::unique_ptr<sim::SimDisk> DiskWith(const Files& files) {
  auto disk = std::make_unique<sim::SimDisk>(1);
  EXPECT_TRUE(disk->CreateDirectory(kJournalDirectory).ok());
  for (const auto& [name, content] : files) {
    const auto file = *disk->Open(Path(name), Disk::Mode::kCreate);
    EXPECT_TRUE(file->Write(0, content).ok() && file->Sync().ok());
  }
  EXPECT_TRUE(disk->SyncDirectory(kJournalDirectory).ok());
  return disk;
}

// A journal of 48 frames in several segments. The last three are written but not synced.
struct SmallJournal {
  static constexpr uint64_t kFrames = 48;
  static constexpr uint64_t kSynced = 45;

  SmallJournal() {
    sim::SimDisk disk(1);
    SeededRandom random(1);
    const auto journal =
        *FileJournal::Open(&disk, &random, {kJournalDirectory, kJournalSegmentBytes});
    EXPECT_TRUE(AppendFrames(journal.get(), 1, kSynced).ok());
    EXPECT_TRUE(AppendFrames(journal.get(), kSynced + 1, kFrames, kWritten).ok());
    files = ReadFiles(&disk);
    uint64_t sequence = 1;
    for (const auto& [name, content] : files) {
      const SegmentHeader header = *DecodeSegmentHeader(content);
      EXPECT_EQ(header.first_sequence, sequence);
      uint64_t at = kSegmentHeaderBytes;
      while (const auto parsed =
                 ParseFrame(std::string_view(content).substr(at), header.incarnation)) {
        frames[sequence++] = {name, at, at + kFrameHeaderBytes + parsed->frame.effects.size()};
        at += FrameBytes(parsed->frame.effects.size());
      }
    }
    EXPECT_EQ(sequence, kFrames + 1);
    EXPECT_GE(files.size(), 3u);
    EXPECT_EQ(frames[kSynced - 2].name, last_name());  // all kinds of proof in one file
  }

  struct Place {
    std::string name;
    uint64_t begin;
    uint64_t end;  // past the last byte that counts; padding follows
  };

  const std::string& last_name() const { return files.rbegin()->first; }
  // The frame that byte `at` of file `name` belongs to; 0: none.
  uint64_t FrameAt(const std::string& name, uint64_t at) const {
    for (const auto& [sequence, place] : frames)
      if (place.name == name && at >= place.begin && at < place.end) return sequence;
    return 0;
  }

  Files files;
  std::map<uint64_t, Place> frames;
};

class JournalRecovery : public testing::Test {
 protected:
  Result<std::unique_ptr<FileJournal>> Open(Disk* disk) {
    return FileJournal::Open(disk, &random_, {kJournalDirectory, kJournalSegmentBytes});
  }

  // Opens, expects exactly the first `count` frames, and checks that a new frame then stays.
  void ExpectCutTo(Disk* disk, uint64_t count) {
    {
      const auto journal = Open(disk);
      ASSERT_TRUE(journal.ok()) << journal.status().ToString();
      ASSERT_EQ((*journal)->recovered_sequence(), count);
      if (count > 0) ExpectFrames(journal->get(), 1, count);
      ASSERT_TRUE(AppendFrames(journal->get(), count + 1, count + 1).ok());
    }
    const auto again = Open(disk);
    ASSERT_TRUE(again.ok()) << again.status().ToString();
    ASSERT_EQ((*again)->recovered_sequence(), count + 1);  // stale frames beyond the cut stay gone
    ExpectFrames(again->get(), 1, count + 1);
  }

  SeededRandom random_{2};
};

TEST_F(JournalRecovery, TornTailIsCutAndTheRestSurvivesWhereverItTears) {
  const SmallJournal small;
  const std::string& name = small.last_name();
  const std::string& whole = small.files.at(name);
  for (uint64_t at = kSegmentHeaderBytes; at <= small.frames.at(SmallJournal::kFrames).end; ++at) {
    Files files = small.files;
    std::fill(files[name].begin() + static_cast<int64_t>(at), files[name].end(), '\0');
    uint64_t left = 0;
    for (const auto& [sequence, place] : small.frames)
      if (place.name != name || whole.compare(place.begin, place.end - place.begin, files[name],
                                              place.begin, place.end - place.begin) == 0)
        left = sequence;
    ExpectCutTo(DiskWith(files).get(), left);
    if (testing::Test::HasFailure()) FAIL() << "torn at " << at;
  }
}

TEST_F(JournalRecovery, AFileThatBecameShorterIsRefusedWhereverItEnds) {
  const SmallJournal small;
  for (const auto& [name, content] : small.files)
    for (uint64_t size = 0; size < content.size(); size += size % 512 == 0 ? 1 : 511) {
      const auto disk = DiskWith(small.files);
      disk->Cut(Path(name), size);
      EXPECT_EQ(Open(disk.get()).status().code(), Code::kDataLoss) << name << " at " << size;
    }
}

TEST_F(JournalRecovery, AFlippedBitIsRefusedUnlessNothingProvesItsFrameDurable) {
  const SmallJournal small;
  for (const auto& [name, content] : small.files)
    for (uint64_t at = 0; at < content.size(); at += TestRounds(1U, 5U)) {
      const auto disk = DiskWith(small.files);
      disk->FlipBit(Path(name), at, at % 8);
      const auto journal = Open(disk.get());
      const uint64_t hit = small.FrameAt(name, at);
      // The three unsynced frames prove the last synced one durable, but not each other.
      const bool refused = at < kSegmentHeaderBytes || (hit != 0 && hit <= small.kSynced);
      const uint64_t left = hit == 0 ? small.kFrames : hit - 1;
      ASSERT_EQ(journal.status().code(), refused ? Code::kDataLoss : Code::kOk)
          << name << " at " << at << ": " << journal.status().ToString();
      if (refused) continue;
      ASSERT_EQ((*journal)->recovered_sequence(), left) << name << " at " << at;
      if (hit != 0) ExpectFrames(journal->get(), 1, left);
    }
}

TEST_F(JournalRecovery, TheErrorNamesTheDamageAndNoFileIsTouched) {
  const SmallJournal small;
  const auto& place = small.frames.at(5);
  const auto disk = DiskWith(small.files);
  disk->FlipBit(Path(place.name), place.begin + 60, 3);
  const Files before = ReadFiles(disk.get());
  const Status status = Open(disk.get()).status();
  EXPECT_EQ(status.code(), Code::kDataLoss);
  for (const std::string& part : {Path(place.name), "offset " + std::to_string(place.begin),
                                  std::string("frame 5 "), std::string("run treadle data check")})
    EXPECT_NE(status.message().find(part), std::string::npos) << part << " in " << status.message();
  EXPECT_EQ(ReadFiles(disk.get()), before);
}

TEST_F(JournalRecovery, ReadAlsoFindsDamage) {
  sim::SimDisk disk(1);
  const auto journal = *Open(&disk);
  ASSERT_TRUE(AppendFrames(journal.get(), 1, 5).ok());
  disk.FlipBit(Path(SegmentName(1)), kSegmentHeaderBytes + 20, 1);
  const auto ignore = [](const Frame&) { return Status(); };
  EXPECT_EQ(journal->Read(1, 5, ignore).code(), Code::kDataLoss);
}

TEST_F(JournalRecovery, AfterAReopeningEvenTheLastFrameIsProven) {
  sim::SimDisk disk(1);
  ASSERT_TRUE(AppendFrames(Open(&disk)->get(), 1, 4).ok());
  ASSERT_TRUE(AppendFrames(Open(&disk)->get(), 5, 5).ok());
  uint64_t last = kSegmentHeaderBytes;
  for (uint64_t sequence = 1; sequence < 4; ++sequence)
    last += FrameBytes(EffectsOf(sequence).size());
  disk.FlipBit(Path(SegmentName(1)), last + 8, 0);
  EXPECT_EQ(Open(&disk).status().code(), Code::kDataLoss);
}

TEST_F(JournalRecovery, ANewerVersionIsRefusedAndUntouched) {
  const SmallJournal small;
  Files files = small.files;
  std::string& page = files.rbegin()->second;
  page[8] = static_cast<char>(kJournalFormat + 1);
  const uint64_t checksum = Xxh3(std::string_view(page).substr(0, kSegmentHeaderBytes - 8));
  std::memcpy(page.data() + kSegmentHeaderBytes - 8, &checksum, sizeof checksum);
  const auto disk = DiskWith(files);
  const Status status = Open(disk.get()).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_NE(status.message().find(
                "written by a newer Treadle (journal format " + std::to_string(kJournalFormat + 1) +
                "; this version reads up to " + std::to_string(kJournalFormat) + ")"),
            std::string::npos)
      << status.message();
  EXPECT_EQ(ReadFiles(disk.get()), files);
}

TEST_F(JournalRecovery, ASegmentOfAnotherJournalIsRefused) {
  const SmallJournal small;
  sim::SimDisk other(1);
  ASSERT_TRUE(Open(&other).ok());
  Files files = small.files;
  SegmentHeader foreign = *DecodeSegmentHeader(ReadFiles(&other).begin()->second);
  foreign.number = files.size() + 1;
  foreign.first_sequence = small.kFrames + 1;
  files[SegmentName(foreign.number)] = EncodeSegmentHeader(foreign) + std::string(4096, '\0');
  EXPECT_EQ(Open(DiskWith(files).get()).status().code(), Code::kFailedPrecondition);
}

TEST_F(JournalRecovery, AMissingSegmentInTheMiddleIsRefused) {
  Files files = SmallJournal().files;
  files.erase(std::next(files.begin()));
  EXPECT_EQ(Open(DiskWith(files).get()).status().code(), Code::kDataLoss);
}

TEST_F(JournalRecovery, ASegmentUnderAnotherNameIsRefused) {
  Files files = SmallJournal().files;
  files[SegmentName(files.size() + 1)] = files.rbegin()->second;
  EXPECT_EQ(Open(DiskWith(files).get()).status().code(), Code::kDataLoss);
}

TEST_F(JournalRecovery, FramesOfAnEarlierUseOfTheFileAreIgnored) {
  Files files = SmallJournal().files;
  files.erase(std::next(files.begin()), files.end());
  std::string& segment = files.begin()->second;
  SegmentHeader header = *DecodeSegmentHeader(segment);
  header.incarnation += 1;
  segment.replace(0, kSegmentHeaderBytes, EncodeSegmentHeader(header));
  ExpectCutTo(DiskWith(files).get(), 0);
}

// The recycled file holds old frame 4 exactly where the new frame 4 would be.
TEST_F(JournalRecovery, ARecycledSegmentNeverResurrectsFramesThatWereCut) {
  constexpr uint64_t kSlot = 128;
  const auto effects = [](uint64_t slots) {
    return std::string(slots * kSlot - kFrameHeaderBytes, 'x');
  };
  sim::SimDisk disk(1);
  {
    const auto journal = *Open(&disk);
    for (uint64_t sequence = 1; sequence <= 10; ++sequence)
      ASSERT_TRUE(journal->Append({sequence, {}, effects(1)}, kWritten).ok());
    ASSERT_TRUE(journal->Sync().ok());
  }
  disk.FlipBit(Path(SegmentName(1)), kSegmentHeaderBytes + kSlot, 0);  // frame 2 never arrived
  {
    const auto journal = *Open(&disk);
    ASSERT_EQ(journal->recovered_sequence(), 1u);
    const std::string large(kJournalSegmentBytes - kSegmentHeaderBytes - kFrameHeaderBytes, 'y');
    ASSERT_TRUE(journal->Append({2, {}, large}, kWritten).ok());
    ASSERT_TRUE(journal->Trim(1).ok());
    ASSERT_EQ(disk.List(kJournalDirectory)->front(), SegmentName(2));
    ASSERT_TRUE(journal->Append({3, {}, effects(3)}, Journal::Durability::kSynced).ok());
    ASSERT_EQ(*disk.List(kJournalDirectory),
              (std::vector<std::string>{SegmentName(2), SegmentName(3)}));
  }
  EXPECT_EQ((*Open(&disk))->recovered_sequence(), 3u);
}

TEST_F(JournalRecovery, SparesAreKeptAcrossOpeningsAndUselessOnesRemoved) {
  sim::SimDisk disk(1);
  for (const auto& [name, bytes] :
       std::map<std::string, size_t>{{"spare-3", kJournalSegmentBytes},
                                     {"spare-4", kJournalSegmentBytes / 2},
                                     {"spare-x", kJournalSegmentBytes}})
    ASSERT_TRUE(
        (*disk.Open(Path(name), Disk::Mode::kCreate))->Write(0, std::string(bytes, '\xee')).ok());
  disk.SetCapacity(0);  // the spare is the only space left
  const auto journal = Open(&disk);
  ASSERT_TRUE(journal.ok()) << journal.status().ToString();
  EXPECT_EQ(*disk.List(kJournalDirectory), std::vector<std::string>{SegmentName(1)});
}

TEST_F(JournalRecovery, OpeningAgainAndAgainDoesNotFillTheDisk) {
  sim::SimDisk disk(1);
  ASSERT_TRUE(AppendFrames(Open(&disk)->get(), 1, 3).ok());
  std::set<uint32_t> terms;
  for (uint64_t i = 0; i < 10; ++i) terms.insert((*Open(&disk))->term());
  EXPECT_EQ(terms.size(), 10u);
  EXPECT_EQ(disk.List(kJournalDirectory)->size(), 2u);
}

TEST_F(JournalRecovery, TheTermExceedsTheRequestedOne) {
  sim::SimDisk disk(1);
  const FileJournalOptions options{kJournalDirectory, kJournalSegmentBytes, 41};
  EXPECT_EQ((*FileJournal::Open(&disk, &random_, options))->term(), 42u);
  EXPECT_EQ((*FileJournal::Open(&disk, &random_, options))->term(), 43u);
  EXPECT_EQ((*Open(&disk))->term(), 44u);
}

TEST_F(JournalRecovery, TheIdentityStaysAndDiffersBetweenJournals) {
  sim::SimDisk one(1), other(1);
  const uint64_t identity = (*Open(&one))->identity();
  EXPECT_EQ((*Open(&one))->identity(), identity);
  EXPECT_NE((*Open(&other))->identity(), identity);
}

TEST_F(JournalRecovery, TheSegmentSizeMayChangeBetweenOpenings) {
  sim::SimDisk disk(1);
  uint64_t next = 1;
  for (const uint64_t bytes : {8192, 32768, 12288}) {
    const auto journal = *FileJournal::Open(&disk, &random_, {kJournalDirectory, bytes});
    ASSERT_TRUE(AppendFrames(journal.get(), next, next + 99).ok());
    ASSERT_TRUE(journal->Trim(next + 50).ok());
    next += 100;
    ExpectFrames(journal.get(), journal->first_sequence(), next - 1);
    EXPECT_EQ(journal->Append({next, {}, std::string(bytes, 'x')}, kWritten).code(),
              Code::kInvalidArgument);
  }
  EXPECT_EQ(FileJournal::Open(&disk, &random_, {kJournalDirectory, 5000}).status().code(),
            Code::kInvalidArgument);
}

TEST_F(JournalRecovery, AFailedSyncIsNeverRetried) {
  sim::SimDisk disk(1);
  const auto journal = *Open(&disk);
  ASSERT_TRUE(AppendFrames(journal.get(), 1, 3).ok());
  disk.FailNextSync();
  EXPECT_EQ(AppendFrames(journal.get(), 4, 4).code(), Code::kUnavailable);
  EXPECT_EQ(journal->Sync().code(), Code::kUnavailable);
  EXPECT_EQ(AppendFrames(journal.get(), 4, 4).code(), Code::kUnavailable);
}

}  // namespace
}  // namespace treadle
