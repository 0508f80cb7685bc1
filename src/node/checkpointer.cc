#include "node/checkpointer.h"

#include <algorithm>
#include <utility>

#include "base/canary.h"
#include "node/fold.h"

namespace treadle {
namespace {

constexpr size_t kFoldBytesMax = size_t{64} << 20;  // of journal in one fold: bounds its memory

}  // namespace

Checkpointer::Checkpointer(ShardId shard, Journal* journal, Store* store, Clock* clock,
                           const StoreMeta& meta, uint64_t recovered, size_t transaction_bytes)
    : shard_(shard),
      journal_(journal),
      store_(store),
      clock_(clock),
      meta_(meta),
      recovered_(recovered),
      transaction_bytes_(transaction_bytes) {}

Result<uint64_t> Checkpointer::Run(uint64_t to) {
  if (to <= meta_.applied) return meta_.applied;
  Fold fold(shard_, recovered_ + 1);
  size_t bytes = 0;
  const Status enough(Code::kOutOfRange, "enough for one fold");
  const uint64_t from = meta_.applied + (CanaryIs("checkpoint_skips_a_frame") ? 2 : 1);
  const Status read = journal_->Read(std::min(from, to), to, [&](const Frame& frame) -> Status {
    if (bytes > kFoldBytesMax) return enough;
    bytes += frame.effects.size();
    return fold.Add(frame);
  });
  if (!read.ok() && read.code() != enough.code()) return read;

  StoreMeta meta = meta_;
  meta.applied = fold.last_frame();
  meta.time = fold.last_time();
  meta.wall = clock_->Wall();
  if (!CanaryIs("reuse_ids"))
    meta.next_sequence = std::max(meta.next_sequence, fold.next_sequence());
  meta.term = journal_->term();
  if (CanaryIs("trim_too_early")) TREADLE_RETURN_IF_ERROR(journal_->Trim(meta.applied));
  const Status written = Write(fold.Take(transaction_bytes_), meta);
  if (!written.ok()) {
    // A part of it is in the store now: what begins in these frames may be there.
    recovered_ = std::max(recovered_, meta.applied);
    return written;
  }
  meta_ = meta;
  // Never taken for a full disk, and tried again: a segment that stays behind would be a hole
  // later.
  if (const Status trimmed = journal_->Trim(meta_.applied); !trimmed.ok())
    return Status(Code::kUnavailable, trimmed.message());
  return meta_.applied;
}

Status Checkpointer::Write(std::vector<StoreChanges> parts, const StoreMeta& meta) {
  parts.back().meta = meta;
  for (const StoreChanges& part : parts) TREADLE_RETURN_IF_ERROR(store_->Write(part));
  return {};
}

}  // namespace treadle
