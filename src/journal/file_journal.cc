#include "journal/file_journal.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "journal/segment_reader.h"

namespace treadle {
namespace {

constexpr uint64_t kSegmentBytesMax = uint64_t{1} << 30;
constexpr size_t kPlacesAtOnce = 1'024;  // of frames, while nobody else may look

std::string ParentOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status CheckOptions(const FileJournalOptions& options) {
  if (options.streams == 0 || options.streams > kStreamsMax)
    return {Code::kInvalidArgument,
            "streams must be 1 to 256, not " + std::to_string(options.streams)};
  const uint64_t bytes = options.segment_bytes;
  if (bytes % kSegmentHeaderBytes == 0 && bytes > kSegmentHeaderBytes && bytes <= kSegmentBytesMax)
    return {};
  return {Code::kInvalidArgument,
          "segment_bytes must be a multiple of 4096 from 8192 to 1073741824, not " +
              std::to_string(bytes)};
}

// The first sequences of `header`'s segment, by stream.
std::vector<uint64_t> FirstOf(const SegmentHeader& header) {
  TREADLE_CHECK(header.first_sequence > 0);
  return header.streams.empty() ? std::vector<uint64_t>{header.first_sequence} : header.streams;
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
  TREADLE_ASSIGN_OR_RETURN(Scan scan, ScanJournal(disk, options.directory));
  std::unique_ptr<FileJournal> journal(new FileJournal(disk, random, options));
  TREADLE_RETURN_IF_ERROR(journal->Start(std::move(scan)));
  return journal;
}

// The log as one shard sees it.
class FileJournal::Stream final : public Journal {
 public:
  Stream(FileJournal* log, ShardId id) : log_(log), id_(id) {}

  uint32_t term() const override { return log_->term(); }
  uint64_t first_sequence() const override { return log_->held_.first(id_); }
  uint64_t recovered_sequence() const override { return log_->recovered(id_); }
  Status Append(std::span<const Frame> frames, Durability durability) override {
    std::vector<Frame> mine(frames.begin(), frames.end());
    for (Frame& frame : mine) frame.stream = id_;
    return log_->Append(mine, durability);
  }
  Status Sync() override { return log_->Sync(); }
  Status Read(uint64_t from, uint64_t to, const Visitor& visit) override {
    return log_->ReadStream(id_, from, to, visit);
  }
  Status Trim(uint64_t sequence) override { return log_->Trim(id_, sequence); }
  bool HasRoomFor(uint64_t bytes) const override {
    return log_->HasRoomFor(bytes + kStreamSequenceBytes);
  }
  Status MakeRoom() override { return log_->MakeRoom(); }
  void WhenFull(std::function<Result<bool>()> gain) override { log_->WhenFull(std::move(gain)); }
  Status CheckInPlace() override { return log_->CheckInPlace(); }

 private:
  FileJournal* const log_;
  const ShardId id_;
};

FileJournal::~FileJournal() = default;

Journal* FileJournal::stream(ShardId id) {
  TREADLE_CHECK(id > 0 && id <= options_.streams);
  return among_streams() ? streams_[id - 1U].get() : this;
}

Status FileJournal::Start(Scan scan) {
  TREADLE_CHECK(term_ == 0 && file_ == nullptr);  // once
  next_position_ = scan.last_sequence + 1;
  synced_through_ = scan.last_sequence;
  const size_t had =
      scan.segments.empty() ? options_.streams : FirstOf(scan.segments.front()).size();
  if (had != options_.streams)
    return {Code::kFailedPrecondition, "the journal in " + options_.directory +
                                           " was created for " + std::to_string(had) +
                                           " shards, not " + std::to_string(options_.streams)};
  if (among_streams() && scan.segments.empty())
    scan.index = StreamIndex(std::vector<uint64_t>(options_.streams, 1));
  recovered_ = among_streams() ? scan.index.next() : std::vector<uint64_t>{next_position_};
  for (uint64_t& sequence : recovered_) --sequence;
  for (ShardId id = 1; among_streams() && id <= options_.streams; ++id)
    streams_.push_back(std::make_unique<Stream>(this, id));
  std::deque<HeldSegments::Segment> found;
  for (const SegmentHeader& segment : scan.segments)
    found.push_back({segment.number, FirstOf(segment), segment.segment_bytes});
  held_.Begin(std::move(found), std::move(scan.index), options_.streams);
  TREADLE_RETURN_IF_ERROR(spares_.Adopt(scan.spares));
  if (scan.segments.empty()) {
    identity_ = random_->Next();
    term_ = options_.min_term + 1;
    TREADLE_RETURN_IF_ERROR(BeginSegment(1));
    return disk_->SyncDirectory(ParentOf(options_.directory));
  }
  const SegmentHeader& last = scan.segments.back();
  TREADLE_CHECK(last.first_sequence <= next_position_);
  identity_ = last.identity;
  term_ = std::max(last.term, options_.min_term) + 1;
  TREADLE_CHECK(term_ > last.term);  // what makes every older token stale
  // Never continue in an old segment: frames behind the cut may still be there, and would match.
  // One without a frame is replaced, so that a server that is started in vain does not fill the
  // disk.
  const bool is_empty = last.first_sequence == next_position_;
  return BeginSegment(last.number + (is_empty ? 0 : 1));
}

uint64_t FileJournal::first_sequence() const { return held_.first(1); }

Status FileJournal::BeginSegment(uint64_t number) {
  TREADLE_CHECK(synced_through_ + 1 == next_position_);
  const SegmentHeader header{.number = number,
                             .incarnation = random_->Next(),
                             .identity = identity_,
                             .term = term_,
                             .first_sequence = next_position_,
                             .synced_through = synced_through_,
                             .segment_bytes = options_.segment_bytes,
                             .streams = held_.next_of_all()};
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
  held_.Add({number, FirstOf(header), options_.segment_bytes}, identity);
  return {};
}

Status FileJournal::Append(std::span<const Frame> frames, Durability durability) {
  const uint64_t room = options_.segment_bytes - kSegmentHeaderBytes;
  const uint64_t more = among_streams() ? kStreamSequenceBytes : 0;
  for (const Frame& frame : frames) {
    if (FrameBytes(frame.effects.size() + more) > room)
      return {Code::kInvalidArgument,
              "a frame with " + std::to_string(frame.effects.size()) +
                  " bytes of effects does not fit into a journal segment of " +
                  std::to_string(options_.segment_bytes)};
    if (failed_.ok()) failed_ = AppendFrame(frame);
    if (!failed_.ok()) return failed_;
  }
  return durability == Durability::kSynced ? Sync() : Status();
}

Status FileJournal::AppendFrame(const Frame& frame) {
  TREADLE_CHECK(!among_streams() || frame.sequence == held_.next(frame.stream));
  const uint64_t more = among_streams() ? kStreamSequenceBytes : 0;
  const uint64_t bytes = FrameBytes(frame.effects.size() + more);
  if (offset_ + bytes > options_.segment_bytes) {
    TREADLE_RETURN_IF_ERROR(SyncFrames());
    TREADLE_RETURN_IF_ERROR(BeginSegment(active_.number + 1));
  }
  TREADLE_CHECK(offset_ % kFrameAlignment == 0 && offset_ + bytes <= options_.segment_bytes);
  buffer_.clear();
  EncodeFrame(frame,
              {.position = next_position_,
               .incarnation = active_.incarnation,
               .synced_through = synced_through_,
               .among_streams = among_streams()},
              &buffer_);
  TREADLE_CHECK(buffer_.size() == bytes);
  TREADLE_RETURN_IF_ERROR(file_->Write(offset_, buffer_));
  if (among_streams()) held_.AddFrame(frame.stream, {active_.number, offset_});
  offset_ += bytes;
  room_ = options_.segment_bytes - offset_;
  ++next_position_;
  return {};
}

Status FileJournal::Sync() {
  if (failed_.ok()) failed_ = SyncFrames();
  return failed_;
}

Status FileJournal::SyncFrames() {
  TREADLE_CHECK(synced_through_ < next_position_);
  if (synced_through_ + 1 == next_position_) return {};
  TREADLE_CHECK(file_ != nullptr);
  TREADLE_RETURN_IF_ERROR(file_->Sync());
  // Only now: what the next frame says is durable must be.
  synced_through_ = next_position_ - 1;
  return {};
}

Status FileJournal::Read(uint64_t from, uint64_t to, const Visitor& visit) {
  if (among_streams()) return ReadStream(1, from, to, visit);
  const std::vector<HeldSegments::Segment> segments = held_.held().segments;
  TREADLE_CHECK(from >= segments.front().first[0]);
  for (size_t i = 0; i < segments.size() && from <= to; ++i) {
    const bool is_last = i + 1 == segments.size();
    const uint64_t last = is_last ? to : std::min(to, segments[i + 1].first[0] - 1);
    if (last < from) continue;
    const std::string path = Path(SegmentName(segments[i].number));
    TREADLE_RETURN_IF_ERROR(VisitFrames(disk_, path, from, last, visit, &read_to_));
    from = last + 1;
  }
  return {};
}

Status FileJournal::ReadStream(ShardId stream, uint64_t from, uint64_t to, const Visitor& visit) {
  TREADLE_CHECK(among_streams() && from > 0);
  std::unique_ptr<SegmentReader> reader;
  while (from <= to) {
    for (const auto& place : held_.Places(stream, from, to, kPlacesAtOnce)) {
      const std::string path = Path(SegmentName(place.segment));
      if (reader == nullptr || reader->header().number != place.segment) {
        TREADLE_ASSIGN_OR_RETURN(reader, SegmentReader::Open(disk_, path));
      }
      reader->GoTo(place.offset);
      TREADLE_ASSIGN_OR_RETURN(const auto parsed, reader->NextWhole());
      const bool is_it = parsed && reader->offset() == place.offset + parsed->bytes &&
                         parsed->frame.stream == stream && parsed->frame.sequence == from;
      if (!is_it)
        return {Code::kDataLoss, "journal segment " + path + " is damaged at offset " +
                                     std::to_string(place.offset) + ": frame " +
                                     std::to_string(from) + " of shard " + std::to_string(stream) +
                                     " cannot be read; run treadle data check"};
      TREADLE_RETURN_IF_ERROR(visit(parsed->frame));
      ++from;
    }
  }
  return {};
}

Status FileJournal::Trim(ShardId stream, uint64_t sequence) {
  std::vector<SpareFiles::OldSegment> trimmed;  // oldest first: a crash midway leaves no gap
  for (const HeldSegments::Segment& segment : held_.Trim(stream, sequence))
    trimmed.push_back({Path(SegmentName(segment.number)), segment.bytes});
  return spares_.Recycle(trimmed);
}

// A segment that is trimmed meanwhile is no longer in the list by the second look.
Status FileJournal::CheckInPlace() {
  const auto [segments, active] = held_.held();
  for (const HeldSegments::Segment& segment : segments) {
    const std::string path = Path(SegmentName(segment.number));
    const Result<FileIdentity> found = disk_->Identify(path);
    const bool is_active = segment.number == segments.back().number;
    if (found.ok() && (!is_active || *found == active)) continue;
    if (!found.ok() && found.status().code() != Code::kNotFound) return found.status();
    if (held_.held().segments.front().number > segment.number) continue;
    return {Code::kUnavailable, path + " was " + (found.ok() ? "replaced" : "removed") +
                                    " while this server was writing to it"};
  }
  return {};
}

bool FileJournal::HasRoomFor(uint64_t bytes) const {
  return FrameBytes(bytes) <= room_.load(std::memory_order_relaxed) || !spares_.empty();
}

}  // namespace treadle
