#include "journal/journal_salvage.h"

#include <algorithm>
#include <charconv>
#include <memory>

#include "base/check.h"
#include "journal/recovery_scan.h"
#include "journal/segment_reader.h"

namespace treadle {
namespace {

constexpr uint64_t kSmallSegmentBytes = 2 * kSegmentHeaderBytes;

uint64_t NumberOf(const std::string& name) {
  uint64_t number = 0;
  std::from_chars(name.data(), name.data() + name.size(), number);
  return number;
}

}  // namespace

Result<JournalSalvage> JournalSalvage::Survey(Disk* disk, const std::string& directory) {
  JournalSalvage salvage(disk);
  TREADLE_RETURN_IF_ERROR(salvage.ReadHeaders(directory));
  for (size_t i = 0; i < salvage.segments_.size(); ++i) {
    const std::string name = SegmentName(salvage.segments_[i].number);
    TREADLE_RETURN_IF_ERROR(salvage.FollowSegment(directory + "/" + name, i));
  }
  return salvage;
}

Status JournalSalvage::ReadHeaders(const std::string& directory) {
  const auto names = disk_->List(directory);
  if (names.status().code() == Code::kNotFound) return {};
  if (!names.ok()) return names.status();
  for (const std::string& name : *names)
    if (name.ends_with(".seg")) TREADLE_RETURN_IF_ERROR(NoteHeader(directory, name));
  return {};
}

Status JournalSalvage::NoteHeader(const std::string& directory, const std::string& name) {
  last_number_ = std::max(last_number_, NumberOf(name));
  newest_is_whole_ = false;
  const auto reader = SegmentReader::OpenDamaged(disk_, directory + "/" + name);
  if (reader.status().code() == Code::kDataLoss) return {};
  if (!reader.ok()) return reader.status();
  const SegmentHeader& now = (*reader)->header();
  if (SegmentName(now.number) != name) return {};
  if (!now.streams.empty())
    return {
        Code::kFailedPrecondition,
        directory + " has the frames of several shards; this version repairs those of one only"};
  if (!segments_.empty()) {
    const SegmentHeader& before = segments_.back();
    if (now.identity != before.identity)
      return {Code::kFailedPrecondition,
              directory + " contains segments of two different journals"};
    if (now.first_sequence < before.first_sequence || now.term < before.term)
      return {Code::kFailedPrecondition, "the segments of " + directory + " contradict each other"};
  }
  newest_is_whole_ = (*reader)->is_whole();
  segments_.push_back(now);
  term_ = std::max(term_, now.term);
  last_known_ = std::max(last_known_, now.first_sequence - 1);
  return {};
}

Status JournalSalvage::FollowSegment(const std::string& path, size_t index) {
  TREADLE_CHECK(index < segments_.size());
  const SegmentHeader& header = segments_[index];
  const SegmentHeader* const next = index + 1 < segments_.size() ? &segments_[index + 1] : nullptr;
  const uint64_t end =
      next ? next->first_sequence : UINT64_MAX;  // frames from here on do not count
  const bool next_is_neighbour = next && next->number == header.number + 1;
  TREADLE_ASSIGN_OR_RETURN(const auto reader, SegmentReader::OpenDamaged(disk_, path));
  for (uint64_t expected = header.first_sequence; expected < end;) {
    uint64_t offset = reader->offset();
    TREADLE_ASSIGN_OR_RETURN(auto parsed, reader->Next(expected));
    const bool follows = parsed.has_value();
    if (!follows) {
      TREADLE_ASSIGN_OR_RETURN(const bool proven, reader->ProvesDurable(expected));
      if (!proven && !next_is_neighbour) return {};
      TREADLE_ASSIGN_OR_RETURN(parsed, reader->NextWhole());
      if (!parsed || parsed->frame.sequence <= expected || parsed->frame.sequence >= end) return {};
      offset = reader->offset() - parsed->bytes;
    }
    const uint64_t sequence = parsed->frame.sequence;
    if (follows && expected != header.first_sequence) {
      TREADLE_CHECK(!pieces_.empty() && pieces_.back().last + 1 == sequence);
      pieces_.back().last = sequence;
    } else {
      TREADLE_CHECK(pieces_.empty() || pieces_.back().last < sequence);  // they rise
      pieces_.push_back({.path = path, .offset = offset, .first = sequence, .last = sequence});
    }
    last_known_ = std::max(last_known_, sequence);
    expected = sequence + 1;
  }
  return {};
}

std::optional<uint64_t> JournalSalvage::identity() const {
  return segments_.empty() ? std::nullopt : std::optional(segments_.front().identity);
}

std::vector<JournalSalvage::Run> JournalSalvage::runs() const {
  std::vector<Run> runs;
  for (const Piece& piece : pieces_) {
    TREADLE_CHECK(piece.first <= piece.last);
    if (!runs.empty() && runs.back().last + 1 == piece.first)
      runs.back().last = piece.last;
    else
      runs.push_back({piece.first, piece.last});
  }
  return runs;
}

uint64_t JournalSalvage::first_sequence() const {
  return pieces_.empty() ? last_known_ + 1 : pieces_.front().first;
}

Status JournalSalvage::Read(uint64_t from, uint64_t to, const Visitor& visit) {
  TREADLE_CHECK(from <= to);
  for (const Piece& piece : pieces_) {
    if (piece.last < from || piece.first > to) continue;
    TREADLE_RETURN_IF_ERROR(ReadPiece(piece, from, to, visit));
  }
  return {};
}

Status JournalSalvage::ReadPiece(const Piece& piece, uint64_t from, uint64_t to,
                                 const Visitor& visit) {
  TREADLE_CHECK(piece.first <= to && from <= piece.last);
  TREADLE_ASSIGN_OR_RETURN(const auto reader, SegmentReader::OpenDamaged(disk_, piece.path));
  reader->GoTo(piece.offset);
  for (uint64_t expected = piece.first; expected <= std::min(piece.last, to); ++expected) {
    TREADLE_ASSIGN_OR_RETURN(const auto parsed, reader->Next(expected));
    if (!parsed) return {Code::kDataLoss, piece.path + " changed while it was read"};
    if (expected >= from) TREADLE_RETURN_IF_ERROR(visit(parsed->frame));
  }
  return {};
}

Status JournalSalvage::Append(std::span<const Frame>, Durability) { return OnlyForReading(); }
Status JournalSalvage::Sync() { return OnlyForReading(); }
Status JournalSalvage::MakeRoom() { return OnlyForReading(); }

Status WriteEmptyJournal(Disk* disk, const std::string& directory, SegmentHeader header) {
  // Readers refuse other numbers, and a repair that writes them would lose the directory.
  TREADLE_CHECK(header.number > 0 && header.first_sequence > 0 && header.term > 0);
  header.incarnation = header.identity ^ header.first_sequence ^ header.term;
  header.synced_through = header.first_sequence - 1;
  header.segment_bytes = kSmallSegmentBytes;
  TREADLE_RETURN_IF_ERROR(disk->CreateDirectory(directory));
  const std::string path = directory + "/" + SegmentName(header.number);
  TREADLE_ASSIGN_OR_RETURN(const auto file, disk->Open(path, Disk::Mode::kCreate));
  TREADLE_RETURN_IF_ERROR(file->Truncate(0));
  TREADLE_RETURN_IF_ERROR(file->Write(0, EncodeSegmentHeader(header)));
  TREADLE_RETURN_IF_ERROR(file->Truncate(kSmallSegmentBytes));
  TREADLE_RETURN_IF_ERROR(file->Sync());
  return disk->SyncDirectory(directory);
}

}  // namespace treadle
