#include "tools/backup_file.h"

#include <algorithm>

#include "base/posix_disk.h"
#include "store/sqlite/repair/store_inspection.h"
#include "store/sqlite/repair/store_salvage.h"
#include "tools/scratch_store.h"

namespace treadle::tools {
namespace {

constexpr uint64_t kChunkBytes = uint64_t{1} << 20;
// No server counts so far.
constexpr uint32_t kTermEnd = uint32_t{1} << 31;
constexpr uint64_t kFrameEnd = uint64_t{1} << 61;

// Whoever made the backup chose its numbers, and checksums that fit. A restored server continues
// from them, and must not come to their end.
Status CheckNumbers(const BackupLabel& label, const StoreMeta& meta) {
  const uint32_t term = std::max(label.term, meta.term);
  if (term < kTermEnd && meta.applied < kFrameEnd) return {};
  return {Code::kDataLoss, "the backup's numbers are implausible: term " + std::to_string(term) +
                               ", frame " + std::to_string(meta.applied)};
}

}  // namespace

Result<BackupFile> BackupFile::Open(Disk* disk, const std::string& path) {
  TREADLE_ASSIGN_OR_RETURN(std::unique_ptr<File> file, disk->Open(path, Disk::Mode::kRead));
  const Result<BackupLabel> label = ReadBackupLabel(file.get());
  if (label.ok()) return BackupFile(disk, path, std::move(file), *label);
  if (label.status().code() == Code::kUnavailable) return label.status();  // names the file
  return Status(label.status().code(), path + ": " + label.status().message());
}

Status BackupFile::Unpack(const std::string& to) {
  TREADLE_ASSIGN_OR_RETURN(const auto out, disk_->Open(to, Disk::Mode::kCreate));
  TREADLE_RETURN_IF_ERROR(out->Truncate(0));
  Sha256Stream digest;
  std::string chunk;
  for (uint64_t at = 0; at < label_.store_bytes; at += chunk.size()) {
    chunk.resize(std::min(kChunkBytes, label_.store_bytes - at));
    TREADLE_ASSIGN_OR_RETURN(const size_t read, file_->Read(at, chunk.data(), chunk.size()));
    if (read != chunk.size()) return {Code::kDataLoss, path_ + " shrank while it was read"};
    digest.Update(chunk);
    TREADLE_RETURN_IF_ERROR(out->Write(at, chunk));
  }
  if (digest.Finish() != label_.store_sha256)
    return {Code::kDataLoss, path_ + " is damaged: its bytes do not match their SHA-256"};
  return out->Sync();
}

Result<BackupReport> InspectBackup(const BackupFile& backup, const std::string& store) {
  TREADLE_ASSIGN_OR_RETURN(const StoreMarks marks, ReadStoreMarks(store));
  TREADLE_RETURN_IF_ERROR(CheckNumbers(backup.label(), marks.meta));
  TREADLE_ASSIGN_OR_RETURN(StoreInspection seen, InspectStore(store, marks.identity));
  BackupReport report{.taken_at = FormatWallTime(backup.label().taken_at),
                      .frame = backup.label().frame,
                      .term = backup.label().term,
                      .bytes = backup.bytes(),
                      .queues = seen.queues,
                      .waiting = seen.waiting,
                      .ended = seen.ended,
                      .problems = std::move(seen.problems)};
  for (const TaskPlace& place : seen.damaged_payloads)
    report.problems.push_back("the payload of task " + place.id.ToString() + " is damaged");
  if (marks.meta.applied != report.frame)
    report.problems.push_back("its label names frame " + std::to_string(report.frame) +
                              ", but its store frame " + std::to_string(marks.meta.applied));
  return report;
}

Result<BackupReport> VerifyBackup(const std::string& path) {
  PosixDisk disk;
  TREADLE_ASSIGN_OR_RETURN(BackupFile backup, BackupFile::Open(&disk, path));
  TREADLE_ASSIGN_OR_RETURN(const ScratchStore scratch, ScratchStore::Make());
  const Status unpacked = backup.Unpack(scratch.path());
  if (unpacked.code() == Code::kResourceExhausted)
    return Status(unpacked.code(),
                  unpacked.message() + "; set TMPDIR to a directory with more room");
  TREADLE_RETURN_IF_ERROR(unpacked);
  return InspectBackup(backup, scratch.path());
}

}  // namespace treadle::tools
