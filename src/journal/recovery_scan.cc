#include "journal/recovery_scan.h"

#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "journal/segment_reader.h"
#include "journal/spare_files.h"

namespace treadle {
namespace {

Status Damaged(const std::string& path, uint64_t offset, uint64_t sequence) {
  return {Code::kDataLoss, "journal segment " + path + " is damaged at offset " +
                               std::to_string(offset) + ": frame " + std::to_string(sequence) +
                               " was durable but cannot be read; run treadle data check"};
}

Status OutOfStep(const std::string& path) {
  return {Code::kDataLoss, "journal segment " + path +
                               " has frames of a shard that do not follow each other; run treadle "
                               "data check"};
}

Result<SegmentHeader> ReadHeader(Disk* disk, const std::string& directory,
                                 const std::string& name) {
  const std::string path = directory + "/" + name;
  TREADLE_ASSIGN_OR_RETURN(const auto reader, SegmentReader::Open(disk, path));
  if (SegmentName(reader->header().number) == name) return reader->header();
  return Status(Code::kDataLoss, "journal segment " + path + " contains another segment, " +
                                     SegmentName(reader->header().number) +
                                     "; run treadle data check");
}

Status CheckNeighbours(const SegmentHeader& before, const SegmentHeader& now,
                       const std::string& directory) {
  const std::string both = SegmentName(before.number) + " and " + SegmentName(now.number);
  if (now.identity != before.identity)
    return {Code::kFailedPrecondition,
            directory + " contains segments of two different journals: " + both};
  if (now.number != before.number + 1)
    return {Code::kDataLoss, "a segment is missing in " + directory + " between " + both +
                                 "; run treadle data check"};
  if (now.first_sequence < before.first_sequence || now.term < before.term ||
      now.streams.size() != before.streams.size())
    return {Code::kDataLoss, "journal segments do not follow each other in " + directory + ": " +
                                 both + "; run treadle data check"};
  return {};
}

// Follows the frames of one segment to `end`, where the next segment begins, or for the last one
// (0) as far as they go. Returns the sequence behind them.
Result<uint64_t> FollowFrames(SegmentReader* reader, const std::string& path, uint64_t end,
                              StreamIndex* index) {
  const SegmentHeader& header = reader->header();
  if (header.streams != index->next()) return OutOfStep(path);
  uint64_t expected = header.first_sequence;
  // CheckNeighbours() refused segments that fall: or this would look for frames without end.
  TREADLE_CHECK(end == 0 || expected <= end);
  for (; expected != end; ++expected) {
    const uint64_t offset = reader->offset();
    TREADLE_ASSIGN_OR_RETURN(const auto parsed, reader->Next(expected));
    if (parsed) {
      const Frame& frame = parsed->frame;
      if (header.streams.empty()) continue;
      if (!index->has(frame.stream) || index->next(frame.stream) != frame.sequence)
        return OutOfStep(path);
      index->Add(frame.stream, {header.number, offset});
      continue;
    }
    if (end != 0) return Damaged(path, reader->offset(), expected);  // the next header says so
    TREADLE_ASSIGN_OR_RETURN(const bool was_durable, reader->ProvesDurable(expected));
    if (was_durable) return Damaged(path, reader->offset(), expected);
    break;
  }
  return expected;
}

// Of the last segment, the frames that nothing proves durable: those behind the `synced_through` of
// its last frame.
Status MakeDurable(Disk* disk, const std::string& path, uint64_t last_sequence) {
  TREADLE_ASSIGN_OR_RETURN(const auto reader, SegmentReader::Open(disk, path));
  std::map<uint64_t, uint64_t> unproven;  // offsets by sequence
  TREADLE_CHECK(reader->header().first_sequence <= last_sequence + 1);
  for (uint64_t next = reader->header().first_sequence; next <= last_sequence; ++next) {
    unproven[next] = reader->offset();
    TREADLE_ASSIGN_OR_RETURN(const auto parsed, reader->Next(next));
    if (!parsed) return Damaged(path, reader->offset(), next);  // it was there a moment ago
    unproven.erase(unproven.begin(), unproven.upper_bound(parsed->synced_through));
  }
  const Status made =
      reader->MakeDurable(unproven.empty() ? reader->offset() : unproven.begin()->second);
  if (made.code() != Code::kDataLoss) return made;
  return {made.code(), "journal segment " + path + ": " + made.message()};
}

}  // namespace

std::string SegmentName(uint64_t number) {
  TREADLE_CHECK(number > 0);  // segments are counted from 1
  const std::string digits = std::to_string(number);
  return std::string(20 - digits.size(), '0') + digits + ".seg";
}

Result<Scan> FollowJournal(Disk* disk, const std::string& directory) {
  Scan scan;
  TREADLE_ASSIGN_OR_RETURN(const std::vector<std::string> names, disk->List(directory));
  for (const std::string& name : names) {
    if (SpareFiles::IsSpare(name)) scan.spares.push_back(name);
    if (!name.ends_with(".seg")) continue;
    TREADLE_ASSIGN_OR_RETURN(const SegmentHeader header, ReadHeader(disk, directory, name));
    if (!scan.segments.empty())
      TREADLE_RETURN_IF_ERROR(CheckNeighbours(scan.segments.back(), header, directory));
    scan.segments.push_back(header);
  }
  if (!scan.segments.empty()) scan.index = StreamIndex(scan.segments.front().streams);
  for (size_t i = 0; i < scan.segments.size(); ++i) {
    const bool is_last = i + 1 == scan.segments.size();
    const std::string path = directory + "/" + SegmentName(scan.segments[i].number);
    TREADLE_ASSIGN_OR_RETURN(const auto reader, SegmentReader::Open(disk, path));
    const uint64_t end = is_last ? 0 : scan.segments[i + 1].first_sequence;
    TREADLE_ASSIGN_OR_RETURN(const uint64_t next,
                             FollowFrames(reader.get(), path, end, &scan.index));
    scan.last_sequence = next - 1;
    TREADLE_CHECK(is_last || next == end);  // only the last segment has a torn end
  }
  return scan;
}

Result<Scan> ScanJournal(Disk* disk, const std::string& directory) {
  TREADLE_ASSIGN_OR_RETURN(Scan scan, FollowJournal(disk, directory));
  if (scan.segments.empty()) return scan;
  const std::string last = directory + "/" + SegmentName(scan.segments.back().number);
  TREADLE_RETURN_IF_ERROR(MakeDurable(disk, last, scan.last_sequence));
  return scan;
}

}  // namespace treadle
