#include "journal/file_journal.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "journal/segment_reader.h"

namespace treadle {
namespace {

constexpr size_t kSparesMax = 2;
constexpr size_t kZeroBytes = size_t{1} << 20;

}  // namespace

FileJournal::FileJournal(Disk* disk, Random* random, FileJournalOptions options)
    : disk_(disk), random_(random), options_(std::move(options)) {}

Result<std::unique_ptr<FileJournal>> FileJournal::Open(Disk* disk, Random* random,
                                                       const FileJournalOptions& options) {
  TREADLE_RETURN_IF_ERROR(disk->CreateDirectory(options.directory));
  TREADLE_ASSIGN_OR_RETURN(const Scan scan, ScanJournal(disk, options.directory));
  std::unique_ptr<FileJournal> journal(new FileJournal(disk, random, options));
  TREADLE_RETURN_IF_ERROR(journal->Start(scan));
  return journal;
}

Status FileJournal::Start(const Scan& scan) {
  recovered_ = scan.last_sequence;
  next_sequence_ = recovered_ + 1;
  synced_through_ = recovered_;
  {
    MutexLock lock(mutex_);
    for (const SegmentHeader& segment : scan.segments)
      segments_.push_back({segment.number, segment.first_sequence});
  }
  // A spare may be half made. It is no loss.
  for (const std::string& name : scan.spares) TREADLE_RETURN_IF_ERROR(disk_->Remove(Path(name)));
  if (scan.segments.empty()) {
    active_.identity = random_->Next();
    active_.term = 1;
  } else {
    active_ = scan.segments.back();
    active_.term += 1;
  }
  // Never go on in an old segment: frames behind the cut may still be there, and would match.
  return BeginSegment(next_sequence_);
}

uint64_t FileJournal::first_sequence() const {
  MutexLock lock(mutex_);
  return segments_.front().first_sequence;
}

Status FileJournal::BeginSegment(uint64_t first_sequence) {
  SegmentHeader header = active_;
  header.number += 1;
  header.incarnation = random_->Next();
  header.first_sequence = first_sequence;
  header.segment_bytes = options_.segment_bytes;
  TREADLE_ASSIGN_OR_RETURN(const std::string spare, TakeSpare());
  TREADLE_ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                           disk_->Open(Path(spare), Disk::Mode::kReadWrite));
  // The header is durable before the file gets its name: a segment without a good header is damage.
  TREADLE_RETURN_IF_ERROR(file->Write(0, EncodeSegmentHeader(header)));
  TREADLE_RETURN_IF_ERROR(file->Sync());
  TREADLE_RETURN_IF_ERROR(disk_->Rename(Path(spare), Path(SegmentName(header.number))));
  TREADLE_RETURN_IF_ERROR(disk_->SyncDirectory(options_.directory));
  file_ = std::move(file);
  active_ = header;
  offset_ = kSegmentHeaderBytes;
  room_ = options_.segment_bytes - offset_;
  MutexLock lock(mutex_);
  segments_.push_back({header.number, first_sequence});
  return {};
}

Status FileJournal::Append(const Frame& frame, Durability durability) {
  TREADLE_CHECK(frame.sequence == next_sequence_);
  const uint64_t bytes = FrameBytes(frame.effects.size());
  if (bytes > options_.segment_bytes - kSegmentHeaderBytes)
    return {Code::kInvalidArgument,
            "a frame of " + std::to_string(bytes) + " bytes does not fit into a segment"};
  if (offset_ + bytes > options_.segment_bytes) {
    TREADLE_RETURN_IF_ERROR(Sync());
    TREADLE_RETURN_IF_ERROR(BeginSegment(frame.sequence));
  }
  buffer_.clear();
  EncodeFrame(frame, active_.incarnation, synced_through_, &buffer_);
  TREADLE_RETURN_IF_ERROR(file_->Write(offset_, buffer_));
  offset_ += bytes;
  room_ = options_.segment_bytes - offset_;
  ++next_sequence_;
  return durability == Durability::kSynced ? Sync() : Status();
}

Status FileJournal::Sync() {
  if (synced_through_ + 1 == next_sequence_) return {};
  TREADLE_RETURN_IF_ERROR(file_->Sync());
  synced_through_ = next_sequence_ - 1;
  return {};
}

Status FileJournal::Read(uint64_t from, uint64_t to, const Visitor& visit) {
  std::vector<Segment> segments;
  {
    MutexLock lock(mutex_);
    segments.assign(segments_.begin(), segments_.end());
  }
  TREADLE_CHECK(from >= segments.front().first_sequence);
  for (size_t i = 0; i < segments.size() && from <= to; ++i) {
    const bool is_last = i + 1 == segments.size();
    const uint64_t last = is_last ? to : std::min(to, segments[i + 1].first_sequence - 1);
    if (last < from) continue;
    TREADLE_RETURN_IF_ERROR(ReadSegment(segments[i].number, from, last, visit));
    from = last + 1;
  }
  return {};
}

Status FileJournal::ReadSegment(uint64_t number, uint64_t from, uint64_t to, const Visitor& visit) {
  const std::string path = Path(SegmentName(number));
  TREADLE_ASSIGN_OR_RETURN(const auto reader, SegmentReader::Open(disk_, path));
  for (uint64_t expected = reader->header().first_sequence; expected <= to; ++expected) {
    TREADLE_ASSIGN_OR_RETURN(const auto parsed, reader->Next());
    if (!parsed || parsed->frame.sequence != expected)
      return {Code::kDataLoss, "journal segment " + path + " is damaged at offset " +
                                   std::to_string(reader->offset()) + ": frame " +
                                   std::to_string(expected) +
                                   " cannot be read; run treadle data check"};
    if (expected >= from) TREADLE_RETURN_IF_ERROR(visit(parsed->frame));
  }
  return {};
}

Status FileJournal::Trim(uint64_t sequence) {
  while (true) {
    Segment oldest{};
    {
      MutexLock lock(mutex_);
      if (segments_.size() < 2 || segments_[1].first_sequence > sequence + 1) return {};
      oldest = segments_.front();
      segments_.pop_front();
    }
    TREADLE_RETURN_IF_ERROR(Recycle(oldest));
  }
}

Status FileJournal::Recycle(const Segment& segment) {
  const std::string path = Path(SegmentName(segment.number));
  std::string spare;
  {
    MutexLock lock(mutex_);
    if (spares_.size() < kSparesMax) spare = "spare-" + std::to_string(next_spare_++);
  }
  TREADLE_RETURN_IF_ERROR(spare.empty() ? disk_->Remove(path) : disk_->Rename(path, Path(spare)));
  // Before it is written again: else a crash could leave the new header under the old name.
  TREADLE_RETURN_IF_ERROR(disk_->SyncDirectory(options_.directory));
  if (spare.empty()) return {};
  MutexLock lock(mutex_);
  spares_.push_back(std::move(spare));
  return {};
}

bool FileJournal::HasRoomFor(uint64_t bytes) const {
  if (FrameBytes(bytes) <= room_.load(std::memory_order_relaxed)) return true;
  MutexLock lock(mutex_);
  return !spares_.empty();
}

Status FileJournal::MakeRoom() {
  {
    MutexLock lock(mutex_);
    if (!spares_.empty()) return {};
  }
  TREADLE_ASSIGN_OR_RETURN(std::string name, MakeSpare());
  MutexLock lock(mutex_);
  spares_.push_back(std::move(name));
  return {};
}

Result<std::string> FileJournal::TakeSpare() {
  {
    MutexLock lock(mutex_);
    if (!spares_.empty()) {
      std::string name = std::move(spares_.back());
      spares_.pop_back();
      return name;
    }
  }
  return MakeSpare();
}

// Filled with zeros and synced, so that later syncs overwrite blocks that the file system has
// placed already.
Result<std::string> FileJournal::MakeSpare() {
  std::string name;
  {
    MutexLock lock(mutex_);
    name = "spare-" + std::to_string(next_spare_++);
  }
  TREADLE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                           disk_->Open(Path(name), Disk::Mode::kCreate));
  const std::string zeros(std::min<uint64_t>(kZeroBytes, options_.segment_bytes), '\0');
  Status status;
  for (uint64_t at = 0; status.ok() && at < options_.segment_bytes; at += zeros.size())
    status = file->Write(at, zeros);
  if (status.ok()) status = file->Sync();
  if (status.ok()) return name;
  if (status.code() == Code::kResourceExhausted) TREADLE_RETURN_IF_ERROR(disk_->Remove(Path(name)));
  return status;
}

}  // namespace treadle
