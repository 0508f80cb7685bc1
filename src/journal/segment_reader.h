// SegmentReader: the frames of one segment file, one after the other, through a bounded buffer. One
// thread at a time; another one may append to the file meanwhile.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/check.h"
#include "base/disk.h"
#include "journal/frame_format.h"

namespace treadle {

class SegmentReader {
 public:
  /// Opens `path` and reads its header. The errors of DecodeSegmentHeader() name the file;
  /// DATA_LOSS too if the file is shorter than its header says. Borrows `disk` for the call.
  static Result<std::unique_ptr<SegmentReader>> Open(Disk* disk, const std::string& path);
  /// The same, and a file that is too short will do: it is read as far as it goes.
  static Result<std::unique_ptr<SegmentReader>> OpenDamaged(Disk* disk, const std::string& path);

  const SegmentHeader& header() const { return header_; }
  /// The file is as long as its header says.
  bool is_whole() const { return end_ == header_.segment_bytes; }
  /// Where the next frame is expected.
  uint64_t offset() const { return offset_; }

  /// The frame at offset(), which must be at `position` of the log, and steps behind it; its
  /// effects are valid until the next call. Nothing, and no step, if no such frame is there whole.
  Result<std::optional<ParsedFrame>> Next(uint64_t position);

  /// The first whole frame at offset() or behind, whatever its position, and steps behind it; its
  /// effects are valid until the next call. Nothing, and no step, if none is there.
  Result<std::optional<ParsedFrame>> NextWhole();
  /// Steps to `offset`, where a frame begins.
  void GoTo(uint64_t offset) {
    TREADLE_CHECK(offset >= kSegmentHeaderBytes && offset % kFrameAlignment == 0);
    offset_ = offset;
  }

  /// Whether a valid frame at offset() or behind says that `position` was durable when it was
  /// written.
  Result<bool> ProvesDurable(uint64_t position);

  /// Makes durable what was read from `offset` to offset(): after kill -9 the page cache may hold
  /// frames that the disk does not. They are written once more, since after a sync that failed the
  /// kernel takes such pages for clean, and a mere sync would pass over them.
  Status MakeDurable(uint64_t offset);

 private:
  struct Found {
    uint64_t offset;
    ParsedFrame parsed;
  };

  SegmentReader(std::unique_ptr<File> file, uint64_t read_bytes)
      : file_(std::move(file)), read_bytes_(read_bytes) {}

  /// At least `size` bytes from `offset`, or all that there are; valid until the next call.
  Result<std::string_view> Bytes(uint64_t offset, uint64_t size);
  /// The whole frame at `offset`, if there is one.
  Result<std::optional<ParsedFrame>> At(uint64_t offset);
  /// The first whole frame at `offset` or behind.
  Result<std::optional<Found>> Find(uint64_t offset);

  std::unique_ptr<File> file_;
  uint64_t read_bytes_;
  SegmentHeader header_;
  uint64_t end_ = 0;  // of what there is of the segment
  uint64_t offset_ = kSegmentHeaderBytes;
  std::string buffer_;
  uint64_t buffer_offset_ = 0;
  uint64_t buffered_ = 0;  // bytes at the front of buffer_ that are the file's
};

/// Where a reader of segments has come to.
struct ReadPlace {
  uint64_t segment = 0;   // its number
  uint64_t position = 0;  // of the next frame; 0: none was read
  uint64_t offset = 0;    // where that begins
};

/// Visits the frames `from`..`to` of the segment at `path`, which must hold them. Stops at the
/// first error of `visit` and returns it. DATA_LOSS: one cannot be read. Reads the segment from
/// `*place` on if that is in it and not behind `from`, else from its beginning; then `*place` is
/// behind the last frame that was visited. May be null.
Status VisitFrames(Disk* disk, const std::string& path, uint64_t from, uint64_t to,
                   const Journal::Visitor& visit, ReadPlace* place = nullptr);

}  // namespace treadle
