#include "journal/file_journal.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "journal/segment_reader.h"

namespace treadle {
namespace {

constexpr uint64_t kSegmentBytesMax = uint64_t{1} << 30;

std::string ParentOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status CheckOptions(const FileJournalOptions& options) {
  const uint64_t bytes = options.segment_bytes;
  if (bytes % kSegmentHeaderBytes == 0 && bytes > kSegmentHeaderBytes && bytes <= kSegmentBytesMax)
    return {};
  return {Code::kInvalidArgument,
          "segment_bytes must be a multiple of 4096 from 8192 to 1073741824, not " +
              std::to_string(bytes)};
}

}  // namespace

FileJournal::FileJournal(Disk* disk, Random* random, FileJournalOptions options)
    : disk_(disk),
      random_(random),
      options_(std::move(options)),
      spares_(disk, options_.directory, options_.segment_bytes) {}

Result<std::unique_ptr<FileJournal>> FileJournal::Open(Disk* disk, Random* random,
                                                       const FileJournalOptions& options) {
  TREADLE_RETURN_IF_ERROR(CheckOptions(options));
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
      segments_.push_back({segment.number, segment.first_sequence, segment.segment_bytes});
  }
  TREADLE_RETURN_IF_ERROR(spares_.Adopt(scan.spares));
  if (scan.segments.empty()) {
    identity_ = random_->Next();
    term_ = options_.min_term + 1;
    TREADLE_RETURN_IF_ERROR(BeginSegment(1, next_sequence_));
    return disk_->SyncDirectory(ParentOf(options_.directory));
  }
  const SegmentHeader& last = scan.segments.back();
  identity_ = last.identity;
  term_ = std::max(last.term, options_.min_term) + 1;
  // Never continue in an old segment: frames behind the cut may still be there, and would match.
  // One without a frame is replaced, so that a server that is started in vain does not fill the
  // disk.
  const bool is_empty = last.first_sequence == next_sequence_;
  return BeginSegment(last.number + (is_empty ? 0 : 1), next_sequence_);
}

uint64_t FileJournal::first_sequence() const {
  MutexLock lock(mutex_);
  return segments_.front().first_sequence;
}

Status FileJournal::BeginSegment(uint64_t number, uint64_t first_sequence) {
  TREADLE_CHECK(synced_through_ + 1 == first_sequence);
  const SegmentHeader header{.number = number,
                             .incarnation = random_->Next(),
                             .identity = identity_,
                             .term = term_,
                             .first_sequence = first_sequence,
                             .synced_through = synced_through_,
                             .segment_bytes = options_.segment_bytes};
  TREADLE_ASSIGN_OR_RETURN(const std::string spare, spares_.Take());
  TREADLE_ASSIGN_OR_RETURN(std::unique_ptr<File> file, disk_->Open(spare, Disk::Mode::kReadWrite));
  // The header is durable before the file gets its name: a segment without a good header is damage.
  TREADLE_RETURN_IF_ERROR(file->Write(0, EncodeSegmentHeader(header)));
  TREADLE_RETURN_IF_ERROR(file->Sync());
  TREADLE_RETURN_IF_ERROR(disk_->Rename(spare, Path(SegmentName(number))));
  TREADLE_RETURN_IF_ERROR(disk_->SyncDirectory(options_.directory));
  // Open it again under its current name, which errors then show.
  TREADLE_ASSIGN_OR_RETURN(file_, disk_->Open(Path(SegmentName(number)), Disk::Mode::kReadWrite));
  TREADLE_ASSIGN_OR_RETURN(const FileIdentity identity, disk_->Identify(Path(SegmentName(number))));
  active_ = header;
  offset_ = kSegmentHeaderBytes;
  room_ = options_.segment_bytes - offset_;
  MutexLock lock(mutex_);
  file_identity_ = identity;
  if (!segments_.empty() && segments_.back().number == number) segments_.pop_back();
  segments_.push_back({number, first_sequence, options_.segment_bytes});
  return {};
}

Status FileJournal::Append(const Frame& frame, Durability durability) {
  const uint64_t room = options_.segment_bytes - kSegmentHeaderBytes;
  if (FrameBytes(frame.effects.size()) > room)
    return {Code::kInvalidArgument,
            "a frame with " + std::to_string(frame.effects.size()) +
                " bytes of effects does not fit into a journal segment of " +
                std::to_string(options_.segment_bytes)};
  if (failed_.ok()) failed_ = AppendFrame(frame, durability);
  return failed_;
}

Status FileJournal::AppendFrame(const Frame& frame, Durability durability) {
  TREADLE_CHECK(frame.sequence == next_sequence_);
  const uint64_t bytes = FrameBytes(frame.effects.size());
  if (offset_ + bytes > options_.segment_bytes) {
    TREADLE_RETURN_IF_ERROR(SyncFrames());
    TREADLE_RETURN_IF_ERROR(BeginSegment(active_.number + 1, frame.sequence));
  }
  buffer_.clear();
  EncodeFrame(frame, active_.incarnation, synced_through_, &buffer_);
  TREADLE_RETURN_IF_ERROR(file_->Write(offset_, buffer_));
  offset_ += bytes;
  room_ = options_.segment_bytes - offset_;
  ++next_sequence_;
  return durability == Durability::kSynced ? SyncFrames() : Status();
}

Status FileJournal::Sync() {
  if (failed_.ok()) failed_ = SyncFrames();
  return failed_;
}

Status FileJournal::SyncFrames() {
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
    const std::string path = Path(SegmentName(segments[i].number));
    if (std::exchange(read_segment_, segments[i].number) != segments[i].number) read_to_ = {};
    TREADLE_RETURN_IF_ERROR(VisitFrames(disk_, path, from, last, visit, &read_to_));
    from = last + 1;
  }
  return {};
}

Status FileJournal::Trim(uint64_t sequence) {
  std::vector<SpareFiles::OldSegment> trimmed;  // oldest first: a crash midway leaves no gap
  {
    MutexLock lock(mutex_);
    while (segments_.size() > 1 && segments_[1].first_sequence <= sequence + 1) {
      const Segment& oldest = segments_.front();
      trimmed.push_back({Path(SegmentName(oldest.number)), oldest.bytes});
      segments_.pop_front();
    }
  }
  return spares_.Recycle(trimmed);
}

// A segment that is trimmed meanwhile is no longer in the list by the second look.
Status FileJournal::CheckInPlace() {
  const auto segments = [this] {
    MutexLock lock(mutex_);
    return std::pair(std::vector<Segment>(segments_.begin(), segments_.end()), file_identity_);
  };
  const auto [held, active] = segments();
  for (const Segment& segment : held) {
    const std::string path = Path(SegmentName(segment.number));
    const Result<FileIdentity> found = disk_->Identify(path);
    const bool is_active = segment.number == held.back().number;
    if (found.ok() && (!is_active || *found == active)) continue;
    if (!found.ok() && found.status().code() != Code::kNotFound) return found.status();
    if (segments().first.front().number > segment.number) continue;
    return {Code::kUnavailable, path + " was " + (found.ok() ? "replaced" : "removed") +
                                    " while this server was writing to it"};
  }
  return {};
}

bool FileJournal::HasRoomFor(uint64_t bytes) const {
  return FrameBytes(bytes) <= room_.load(std::memory_order_relaxed) || !spares_.empty();
}

}  // namespace treadle
