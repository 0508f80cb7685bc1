// Journals on disk. An input is a script. It appends frames and reopens the journal, and changes
// segments: it flips bits, truncates, removes, swaps and overwrites them, and may restore their
// checksums. Afterwards, opening the journal must either fail with a clear message or give frames
// without a gap and continue after them. The salvage must give readable runs. Inputs of an odd
// length begin with a log of three streams.

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/hash.h"
#include "base/random.h"
#include "journal/file_journal.h"
#include "journal/journal_salvage.h"
#include "journal/journal_snapshot.h"
#include "sim/sim_disk.h"
#include "tests/fuzz/fuzz_target.h"

namespace treadle::fuzz {
namespace {

constexpr uint64_t kSegmentBytes = 8192;
constexpr size_t kFramesMax = 200;
const std::string kDirectory = "/journal";

using Frames = std::vector<std::pair<uint64_t, std::string>>;  // sequence, effects

class Files {
 public:
  Files() { TREADLE_CHECK(disk_.CreateDirectory(kDirectory).ok()); }

  Disk* disk() { return &disk_; }

  std::vector<std::string> Segments() {
    std::vector<std::string> names = *disk_.List(kDirectory);
    std::erase_if(names, [](const std::string& name) { return !name.ends_with(".seg"); });
    return names;
  }
  std::string Read(const std::string& name) {
    const auto file = *disk_.Open(Path(name), Disk::Mode::kRead);
    std::string bytes(*file->Size(), '\0');
    TREADLE_CHECK(*file->Read(0, bytes.data(), bytes.size()) == bytes.size());
    return bytes;
  }
  void Write(const std::string& name, const std::string& bytes) {
    const auto file = *disk_.Open(Path(name), Disk::Mode::kCreate);
    TREADLE_CHECK(file->Truncate(bytes.size()).ok() && file->Write(0, bytes).ok());
    TREADLE_CHECK(file->Sync().ok());
  }
  void Remove(const std::string& name) { TREADLE_CHECK(disk_.Remove(Path(name)).ok()); }

 private:
  static std::string Path(const std::string& name) { return kDirectory + "/" + name; }

  sim::SimDisk disk_{1};
};

void PutU64(uint64_t number, size_t at, std::string* bytes) {
  if (at + sizeof number <= bytes->size()) std::memcpy(bytes->data() + at, &number, sizeof number);
}

// Restores the checksums of the segment's header and of everything that looks like a frame.
void RestoreChecksums(std::string* bytes) {
  if (bytes->size() < kSegmentHeaderBytes) return;
  const size_t header_end = kSegmentHeaderBytes - 8;
  PutU64(Xxh3(std::string_view(*bytes).substr(0, header_end)), header_end, bytes);
  const auto header = DecodeSegmentHeader(*bytes);
  if (!header.ok()) return;
  for (size_t at = kSegmentHeaderBytes; at + kFrameHeaderBytes <= bytes->size();) {
    const std::string_view rest = std::string_view(*bytes).substr(at);
    const auto length = ClaimedBodyBytes(rest, header->incarnation);
    const bool fits = length && kFrameHeaderBytes + *length <= rest.size();
    if (fits) PutU64(Xxh3(rest.substr(16, kFrameHeaderBytes - 16 + *length)), at + 8, bytes);
    at += fits ? FrameBytes(*length) : kFrameAlignment;
  }
}

Result<std::unique_ptr<FileJournal>> OpenLog(Disk* disk, Random* random, uint16_t streams) {
  return FileJournal::Open(
      disk, random, {.directory = kDirectory, .segment_bytes = kSegmentBytes, .streams = streams});
}

class Script {
 public:
  Script(Files* files, Input* in, uint16_t streams) : files_(files), in_(in), streams_(streams) {}

  void Run() {
    constexpr void (Script::* kSteps[])() = {&Script::Append,    &Script::Reopen, &Script::Flip,
                                             &Script::Cut,       &Script::Remove, &Script::Restore,
                                             &Script::Overwrite, &Script::Move,   &Script::Bring};
    for (int i = 0; i < 24 && !in_->empty(); ++i) (this->*kSteps[in_->Choice(std::size(kSteps))])();
    journal_.reset();
  }

 private:
  void Reopen() {
    journal_.reset();
    auto opened = OpenLog(files_->disk(), &random_, streams_);
    if (opened.ok()) journal_ = *std::move(opened);
    for (ShardId id = 1; journal_ != nullptr && id <= streams_; ++id)
      next_[id] = journal_->stream(id)->recovered_sequence() + 1;
  }
  void Append() {
    const size_t frames = 1 + in_->Choice(8);
    const auto durability =
        in_->Choice(2) == 0 ? Journal::Durability::kSynced : Journal::Durability::kWritten;
    const std::string effects(in_->U8() * size_t{8}, 'e');
    if (journal_ == nullptr) Reopen();
    for (size_t i = 0; i < frames && journal_ != nullptr && appended_ < kFramesMax; ++i) {
      ++appended_;
      const auto id = static_cast<ShardId>(1 + i % streams_);
      const Frame frame{next_[id]++, {1}, effects, id};
      if (!journal_->Append(frame, durability).ok()) journal_.reset();
    }
  }

  // The functions below change what is on disk, so they close the journal first.
  template <class Edit>
  void EditSegment(Edit edit) {
    journal_.reset();
    const std::vector<std::string> names = files_->Segments();
    const size_t place = in_->Choice(8);
    if (names.empty()) return;
    std::string bytes = files_->Read(names[place % names.size()]);
    edit(&bytes);
    files_->Write(names[place % names.size()], bytes);
  }
  void Flip() {
    EditSegment([&](std::string* bytes) {
      const size_t at = in_->U16();
      const uint8_t bits = in_->U8();
      if (at < bytes->size()) (*bytes)[at] = static_cast<char>((*bytes)[at] ^ bits);
    });
  }
  void Overwrite() {
    EditSegment([&](std::string* bytes) {
      const size_t at = in_->U16();
      PutU64(in_->U64(), at, bytes);
    });
  }
  void Bring() {
    EditSegment([&](std::string* bytes) {
      const size_t at = in_->U16();
      const std::string_view brought = in_->Bytes(in_->U16());
      if (at < bytes->size()) bytes->replace(at, brought.size(), brought);
    });
  }
  void Cut() {
    EditSegment([&](std::string* bytes) { bytes->resize(in_->U16() % (2 * kSegmentBytes)); });
  }
  void Restore() { EditSegment(RestoreChecksums); }
  void Move() {
    EditSegment([&](std::string* bytes) {
      const uint64_t number = in_->Choice(2) == 0 ? in_->U8() : in_->U64();
      // Numbers begin with 1, but a file may have any name.
      files_->Write(number == 0 ? std::string(20, '0') + ".seg" : SegmentName(number), *bytes);
    });
  }
  void Remove() {
    journal_.reset();
    const std::vector<std::string> names = files_->Segments();
    const size_t place = in_->Choice(8);
    if (!names.empty()) files_->Remove(names[place % names.size()]);
  }

  Files* files_;
  Input* in_;
  SeededRandom random_{1};
  std::unique_ptr<FileJournal> journal_;
  const uint16_t streams_;
  std::map<ShardId, uint64_t> next_;
  size_t appended_ = 0;
};

Frames ReadAll(Journal* journal, uint64_t from, uint64_t to) {
  Frames frames;
  if (from > to) return frames;
  const Status read = journal->Read(from, to, [&](const Frame& frame) {
    TREADLE_CHECK(frame.sequence == from + frames.size());
    frames.emplace_back(frame.sequence, frame.effects);
    return Status();
  });
  TREADLE_CHECK(read.ok() && frames.size() == to - from + 1);
  return frames;
}

void CheckJournalSalvage(Disk* disk) {
  auto salvage = JournalSalvage::Survey(disk, kDirectory);
  if (!salvage.ok()) {
    TREADLE_CHECK(salvage.status().code() == Code::kFailedPrecondition);
    return;
  }
  uint64_t last = 0;
  for (const JournalSalvage::Run& run : salvage->runs()) {
    TREADLE_CHECK(run.first <= run.last && (last == 0 || run.first > last + 1));
    (void)ReadAll(&*salvage, run.first, run.last);
    last = run.last;
  }
  TREADLE_CHECK(last <= salvage->last_known_sequence());
}

// Opens, appends to every stream, and opens again. `frames`: of the only stream, if there is one.
void CheckGoingOn(Disk* disk, uint16_t streams, uint32_t term,
                  const std::optional<Frames>& frames) {
  SeededRandom random(2);
  std::map<ShardId, Frames> expected;
  if (frames) expected[1] = *frames;
  for (const bool is_first : {true, false}) {
    const auto opened = OpenLog(disk, &random, streams);
    TREADLE_CHECK(opened.ok() && (*opened)->term() > term);
    term = (*opened)->term();
    for (ShardId id = 1; id <= streams; ++id) {
      Journal* const journal = (*opened)->stream(id);
      uint64_t last = journal->recovered_sequence();
      Frames found = ReadAll(journal, journal->first_sequence(), last);
      TREADLE_CHECK(!expected.contains(id) || found == expected[id]);
      TREADLE_CHECK(journal->Append(Frame{++last, {1}, "more"}, Journal::Durability::kSynced).ok());
      found.emplace_back(last, "more");
      if (is_first) expected[id] = std::move(found);
    }
  }
}

}  // namespace

TREADLE_FUZZ_TARGET(journal) {
  Input in(input);
  Files files;
  Script(&files, &in, input.size() % 2 == 0 ? 1 : 3).Run();
  CheckJournalSalvage(files.disk());
  const Result<Scan> scan = FollowJournal(files.disk(), kDirectory);
  if (!scan.ok()) {
    const Code code = scan.status().code();
    TREADLE_CHECK(code == Code::kDataLoss || code == Code::kFailedPrecondition);
    return;
  }
  const uint32_t term = scan->segments.empty() ? 0 : scan->segments.back().term;
  const size_t streams = scan->index.streams();
  if (streams > 0)
    return CheckGoingOn(files.disk(), static_cast<uint16_t>(streams), term, std::nullopt);
  JournalSnapshot snapshot(files.disk(), kDirectory, *scan);
  CheckGoingOn(files.disk(), 1, term,
               ReadAll(&snapshot, snapshot.first_sequence(), scan->last_sequence));
}

}  // namespace treadle::fuzz
