#include "journal/segment_reader.h"

#include "base/check.h"

#include <algorithm>
#include <utility>

namespace treadle {
namespace {

// A part of the segment at a time: 1 MiB of one of 32 MiB. What is longer is read in one piece.
constexpr uint64_t kReadBytesMax = uint64_t{1} << 20;
constexpr uint64_t kReadBytesMin = uint64_t{4} << 10;
constexpr uint64_t kReadsPerSegment = 32;

Status InSegment(const std::string& path, const Status& status) {
  const bool damaged = status.code() == Code::kDataLoss;
  return {status.code(), "journal segment " + path + " " + status.message() +
                             (damaged ? "; run treadle data check" : "")};
}

}  // namespace

Result<std::unique_ptr<SegmentReader>> SegmentReader::OpenDamaged(Disk* disk,
                                                                  const std::string& path) {
  TREADLE_ASSIGN_OR_RETURN(std::unique_ptr<File> file, disk->Open(path, Disk::Mode::kReadWrite));
  TREADLE_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  std::unique_ptr<SegmentReader> reader(new SegmentReader(
      std::move(file), std::clamp(size / kReadsPerSegment, kReadBytesMin, kReadBytesMax)));
  TREADLE_ASSIGN_OR_RETURN(const std::string_view bytes, reader->Bytes(0, kSegmentHeaderBytes));
  Result<SegmentHeader> header = DecodeSegmentHeader(bytes);
  if (!header.ok()) return InSegment(path, header.status());
  reader->header_ = *header;
  reader->end_ = std::min(header->segment_bytes, size);
  TREADLE_CHECK(reader->end_ >= kSegmentHeaderBytes);  // its header was read
  return reader;
}

Result<std::unique_ptr<SegmentReader>> SegmentReader::Open(Disk* disk, const std::string& path) {
  TREADLE_ASSIGN_OR_RETURN(std::unique_ptr<SegmentReader> reader, OpenDamaged(disk, path));
  if (reader->is_whole()) return reader;
  return InSegment(path, {Code::kDataLoss, "is damaged: it was created with " +
                                               std::to_string(reader->header_.segment_bytes) +
                                               " bytes and has " + std::to_string(reader->end_)});
}

Result<std::string_view> SegmentReader::Bytes(uint64_t offset, uint64_t size) {
  const bool inside = offset >= buffer_offset_ && offset + size <= buffer_offset_ + buffered_;
  if (!inside) {
    buffered_ = 0;
    buffer_.resize(std::max({size, read_bytes_, uint64_t{buffer_.size()}}));
    TREADLE_ASSIGN_OR_RETURN(buffered_, file_->Read(offset, buffer_.data(), buffer_.size()));
    buffer_offset_ = offset;
  }
  TREADLE_CHECK(offset >= buffer_offset_ && offset - buffer_offset_ <= buffered_);
  return std::string_view(buffer_).substr(0, buffered_).substr(offset - buffer_offset_);
}

Result<std::optional<ParsedFrame>> SegmentReader::At(uint64_t offset) {
  TREADLE_ASSIGN_OR_RETURN(std::string_view bytes, Bytes(offset, kFrameHeaderBytes));
  const auto length = ClaimedBodyBytes(bytes, header_.incarnation);
  if (!length || offset + FrameBytes(*length) > end_) return std::optional<ParsedFrame>();
  TREADLE_ASSIGN_OR_RETURN(bytes, Bytes(offset, kFrameHeaderBytes + *length));
  std::optional<ParsedFrame> parsed = ParseFrame(bytes, header_.incarnation);
  if (parsed && parsed->among_streams == header_.streams.empty()) parsed.reset();
  return parsed;
}

Result<std::optional<ParsedFrame>> SegmentReader::Next(uint64_t position) {
  TREADLE_ASSIGN_OR_RETURN(std::optional<ParsedFrame> parsed, At(offset_));
  if (!parsed || parsed->position != position) return std::optional<ParsedFrame>();
  offset_ += parsed->bytes;
  TREADLE_CHECK(offset_ % kFrameAlignment == 0);
  return parsed;
}

Result<std::optional<SegmentReader::Found>> SegmentReader::Find(uint64_t offset) {
  TREADLE_CHECK(offset % kFrameAlignment == 0);  // or it would step over every frame
  const uint64_t end = end_ - kFrameHeaderBytes;
  for (uint64_t at = offset; at <= end; at += kFrameAlignment) {
    TREADLE_ASSIGN_OR_RETURN(const std::string_view bytes, Bytes(at, kFrameHeaderBytes));
    at += BytesWithoutFrame(bytes);
    if (at > end) break;
    TREADLE_ASSIGN_OR_RETURN(const std::optional<ParsedFrame> parsed, At(at));
    if (parsed) return std::optional(Found{at, *parsed});
  }
  return std::optional<Found>();
}

Result<std::optional<ParsedFrame>> SegmentReader::NextWhole() {
  TREADLE_ASSIGN_OR_RETURN(const std::optional<Found> found, Find(offset_));
  if (!found) return std::optional<ParsedFrame>();
  TREADLE_CHECK(found->offset >= offset_);
  offset_ = found->offset + found->parsed.bytes;
  return std::optional(found->parsed);
}

// Step by step, so that a frame that stands inside of what looks like another one is seen too.
Result<bool> SegmentReader::ProvesDurable(uint64_t position) {
  for (uint64_t at = offset_;; at += kFrameAlignment) {
    TREADLE_ASSIGN_OR_RETURN(const std::optional<Found> found, Find(at));
    if (!found) return false;
    if (found->parsed.synced_through >= position) return true;
    TREADLE_CHECK(found->offset >= at);  // so this comes to an end
    at = found->offset;
  }
}

// Frame by frame: a frame that is no longer in the buffer is read again, and what a read got wrong
// must not be written.
Status SegmentReader::MakeDurable(uint64_t offset) {
  // The header stays as it is: it was durable before the file had its name.
  TREADLE_CHECK(offset >= kSegmentHeaderBytes && offset <= offset_);
  while (offset < offset_) {
    TREADLE_ASSIGN_OR_RETURN(const auto parsed, At(offset));
    const uint64_t size = parsed ? parsed->bytes : 0;
    TREADLE_ASSIGN_OR_RETURN(const std::string_view bytes, Bytes(offset, size));
    if (!parsed || !ParseFrame(bytes, header_.incarnation))
      return {Code::kDataLoss,
              "a frame at offset " + std::to_string(offset) + " was read and cannot be read again"};
    TREADLE_RETURN_IF_ERROR(file_->Write(offset, bytes.substr(0, size)));
    offset += size;
  }
  return file_->Sync();
}

Status VisitFrames(Disk* disk, const std::string& path, uint64_t from, uint64_t to,
                   const Journal::Visitor& visit, ReadPlace* place) {
  TREADLE_CHECK(from <= to);
  TREADLE_ASSIGN_OR_RETURN(const auto reader, SegmentReader::Open(disk, path));
  uint64_t expected = reader->header().first_sequence;
  const uint64_t number = reader->header().number;
  if (place != nullptr && place->segment == number && place->position <= from) {
    expected = place->position;
    reader->GoTo(place->offset);
  }
  for (; expected <= to; ++expected) {
    TREADLE_ASSIGN_OR_RETURN(const auto parsed, reader->Next(expected));
    if (!parsed)
      return {Code::kDataLoss, "journal segment " + path + " is damaged at offset " +
                                   std::to_string(reader->offset()) + ": frame " +
                                   std::to_string(expected) +
                                   " cannot be read; run treadle data check"};
    if (expected >= from) TREADLE_RETURN_IF_ERROR(visit(parsed->frame));
    if (place != nullptr) *place = {number, expected + 1, reader->offset()};
  }
  return {};
}

}  // namespace treadle
