// What attempts leave behind, as effects hold it: the parts that are there, each after the other.

#include "engine/trail_effects.h"

namespace treadle {
namespace {

// Which parts follow. On disk.
enum TrailPart : uint8_t { kEnded = 1, kCheckpoint = 2, kLog = 4 };
constexpr uint8_t kAllTrailParts = kEnded | kCheckpoint | kLog;
static_assert(kAllTrailParts == 7);

void EncodeEnded(const AttemptRecord& ended, ByteWriter* out) {
  out->Varint(ended.attempt);
  out->U8(static_cast<uint8_t>(ended.outcome));
  out->Bytes(ended.worker);
  out->Bytes(ended.build);
  out->Signed(ended.started_at.ms);
  out->Signed(ended.ended_at - ended.started_at);
  out->Signed(ended.wait_ms);
}

AttemptRecord DecodeEnded(ByteReader* in) {
  AttemptRecord ended{.attempt = static_cast<uint32_t>(in->Varint()),
                      .outcome = static_cast<AttemptOutcome>(in->U8())};
  if (AttemptOutcomeName(ended.outcome).empty()) in->Raw(SIZE_MAX);  // fails the reader
  ended.worker = in->Bytes();
  ended.build = in->Bytes();
  ended.started_at = {in->Signed()};
  ended.ended_at = ended.started_at + in->Signed();
  ended.wait_ms = in->Signed();
  return ended;
}

void EncodeSavedBytes(const SavedBytes& saved, ByteWriter* out) {
  out->Bytes(saved.bytes);
  out->Bytes(saved.content_type);
}

SavedBytes DecodeSavedBytes(ByteReader* in) {
  SavedBytes saved{.bytes = std::string(in->Bytes())};
  saved.content_type = in->Bytes();
  return saved;
}

}  // namespace

void EncodeTrail(const TaskTrail& trail, ByteWriter* out) {
  out->U8(static_cast<uint8_t>((trail.ended ? kEnded : 0) |
                               (trail.saved.checkpoint ? kCheckpoint : 0) |
                               (trail.log ? kLog : 0)));
  if (trail.ended) EncodeEnded(*trail.ended, out);
  if (trail.saved.checkpoint) EncodeSavedBytes(*trail.saved.checkpoint, out);
  if (trail.log) {
    out->Varint(trail.log->attempt);
    out->Varint(trail.log->offset);
    out->Bytes(trail.log->text);
  }
  out->Varint(trail.saved.steps.size());
  for (const auto& [name, saved] : trail.saved.steps) {
    out->Bytes(name);
    EncodeSavedBytes(saved, out);
  }
}

std::shared_ptr<const TaskTrail> DecodeTrail(const std::shared_ptr<const TaskError>& error,
                                             ByteReader* in) {
  auto trail = std::make_shared<TaskTrail>();
  const uint8_t parts = in->U8();
  if (parts & ~kAllTrailParts) in->Raw(SIZE_MAX);
  if (parts & kEnded) {
    trail->ended = DecodeEnded(in);
    trail->ended->error = error;
  }
  if (parts & kCheckpoint) trail->saved.checkpoint = DecodeSavedBytes(in);
  if (parts & kLog) {
    LogPiece& log = trail->log.emplace();
    log.attempt = static_cast<uint32_t>(in->Varint());
    log.offset = static_cast<uint32_t>(in->Varint());
    log.text = in->Bytes();
  }
  for (uint64_t left = in->Varint(); left > 0 && !in->failed(); --left) {
    std::string name(in->Bytes());
    trail->saved.steps[std::move(name)] = DecodeSavedBytes(in);
  }
  return trail;
}

}  // namespace treadle
