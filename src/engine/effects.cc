#include "engine/effects.h"

#include <utility>

#include "base/check.h"
#include "engine/text_list.h"
#include "engine/trail_effects.h"
#include "model/limits.h"

namespace treadle {
namespace {

// On disk: never reuse a number.
enum EffectKind : uint8_t {
  kQueueIsNow = 1,
  kTypeIsNow = 2,
  kTaskIsNew = 3,
  kTaskIsNow = 4,
  kKeyIsNow = 5,
  kKeyIsGone = 6,
  kCountersAreNow = 7,
  kTaskIsGone = 8,
  kQueueTakesOver = 9,  // QueueIsNow and TypeIsNow with `takes_over`
  kTypeTakesOver = 10,
  kTracedTaskIsNew = 11,  // TaskIsNew and TaskIsNow whose body has a traceparent
  kTracedTaskIsNow = 12,
};

// Which optional parts follow in a TaskIsNow record.
enum Part : uint8_t {
  kHolder = 1,
  kError = 2,
  kResult = 4,
  kBody = 8,
  kLeft = 16,
  kTerms = 32,
  kTrail = 64
};
constexpr uint8_t kAllParts = kHolder | kError | kResult | kBody | kLeft | kTerms | kTrail;
static_assert(kAllParts == 127);

// The byte of the image that holds the priority, and these.
enum Flag : uint8_t {
  kPriorityBits = 0x0f,
  kHasLosses = 0x10,  // their count follows the image
  kHasTerms = 0x20,
  kCancelRequested = 0x40,
  kReported = 0x80
};

// The byte of the image that holds the state, and these.
enum StateFlag : uint8_t { kApart = 0x20, kByShardTime = 0x40, kHasTrail = 0x80 };

// Both share their byte with flags.
static_assert(static_cast<uint8_t>(TaskState::kExpired) < kApart);
static_assert(limits::kPriorityMax <= kPriorityBits);
static_assert(kRemovals == static_cast<size_t>(Removal::kReplaced) + 1);

// 0: not set; else the milliseconds from `base`, plus 1 unless that is negative.
int64_t Distance(WallTime base, WallTime time) {
  if (time.ms == 0) return 0;
  const int64_t distance = time - base;
  return distance >= 0 ? SaturatingAdd(distance, 1) : distance;
}

void EncodeImage(const TaskImage& image, ByteWriter* out) {
  NumberWriter<2 + 14 * kVarintBytesMax> numbers;
  numbers.Varint(image.id.sequence());
  numbers.Varint(image.queue);
  numbers.Varint(image.type);
  numbers.U8(static_cast<uint8_t>(static_cast<uint8_t>(image.state) | (image.apart ? kApart : 0) |
                                  (image.by_shard_time ? kByShardTime : 0) |
                                  (image.has_trail ? kHasTrail : 0)));
  numbers.U8(static_cast<uint8_t>(image.priority | (image.reported ? kReported : 0) |
                                  (image.cancel_requested ? kCancelRequested : 0) |
                                  (image.has_terms ? kHasTerms : 0) |
                                  (image.worker_losses > 0 ? kHasLosses : 0)));
  numbers.Varint(image.max_attempts);
  numbers.Varint(image.unspent);
  numbers.Varint(image.attempt);
  numbers.Varint(image.term);
  numbers.Varint(image.exchange);
  numbers.Varint(image.ordinal);
  numbers.Signed(image.when_ms);
  numbers.Signed(image.enqueued_at.ms);
  // Later times as distances from the first: a byte or two instead of six.
  numbers.Signed(Distance(image.enqueued_at, image.started_at));
  numbers.Signed(Distance(image.enqueued_at, image.finished_at));
  if (image.worker_losses > 0) numbers.Varint(image.worker_losses);
  out->Raw(numbers.written());
}

WallTime FromDistance(WallTime base, int64_t distance) {
  if (distance == 0) return {};
  return base + (distance > 0 ? distance - 1 : distance);
}

TaskImage DecodeImage(ShardId shard, ByteReader* in) {
  TaskImage image;
  image.id = TaskId::Of(shard, in->Varint());
  image.queue = static_cast<QueueId>(in->Varint());
  image.type = static_cast<TypeId>(in->Varint());
  const uint8_t state = in->U8();
  image.state = static_cast<TaskState>(state & ~(kApart | kByShardTime | kHasTrail));
  image.apart = (state & kApart) != 0;
  image.by_shard_time = (state & kByShardTime) != 0;
  image.has_trail = (state & kHasTrail) != 0;
  const uint8_t bits = in->U8();
  image.priority = bits & kPriorityBits;
  image.reported = (bits & kReported) != 0;
  image.cancel_requested = (bits & kCancelRequested) != 0;
  image.has_terms = (bits & kHasTerms) != 0;
  image.max_attempts = static_cast<uint16_t>(in->Varint());
  image.unspent = static_cast<uint32_t>(in->Varint());
  image.attempt = static_cast<uint32_t>(in->Varint());
  image.term = static_cast<uint32_t>(in->Varint());
  image.exchange = static_cast<uint32_t>(in->Varint());
  image.ordinal = in->Varint();
  image.when_ms = in->Signed();
  image.enqueued_at = {in->Signed()};
  image.started_at = FromDistance(image.enqueued_at, in->Signed());
  image.finished_at = FromDistance(image.enqueued_at, in->Signed());
  if (bits & kHasLosses) image.worker_losses = static_cast<uint16_t>(in->Varint());
  return image;
}

std::string TakeString(ByteReader* in) { return std::string(in->Bytes()); }

Sha256 TakeSha256(ByteReader* in) { return Sha256FromRaw(in->Raw(32)).value_or(Sha256{}); }

// The kind of the effect says whether there is a traceparent.
void EncodeBody(const TaskBody& body, ByteWriter* out) {
  out->Bytes(body.payload);
  out->Bytes(body.content_type);
  out->Bytes(body.idempotency_key);
  out->Raw(body.payload_sha256.view());
  EncodeTexts(body.tags, out);
  if (!body.traceparent.empty()) out->Raw(body.traceparent.view());
}

std::shared_ptr<const TaskBody> DecodeBody(bool is_traced, ByteReader* in) {
  auto body = std::make_shared<TaskBody>();
  body->payload = TakeString(in);
  body->content_type = TakeString(in);
  body->idempotency_key = TakeString(in);
  body->payload_sha256 = TakeSha256(in);
  body->tags = DecodeTexts(in);
  if (is_traced) body->traceparent = TraceparentFromRaw(in->Raw(Traceparent::kBytes));
  return body;
}

void EncodePlace(const QueuePlace& place, ByteWriter* out) {
  out->Varint(place.queue);
  out->Varint(place.type);
  out->U8(place.priority);
  out->U8(static_cast<uint8_t>(place.state));
  out->Varint(place.ordinal);
}

QueuePlace DecodePlace(ByteReader* in) {
  QueuePlace place;
  place.queue = static_cast<QueueId>(in->Varint());
  place.type = static_cast<TypeId>(in->Varint());
  place.priority = in->U8();
  place.state = static_cast<TaskState>(in->U8());
  place.ordinal = in->Varint();
  return place;
}

TaskIsNew DecodeTaskIsNew(ShardId shard, bool is_traced, ByteReader* in) {
  TaskIsNew effect{.image = DecodeImage(shard, in), .body = nullptr};
  effect.body = DecodeBody(is_traced, in);
  if (effect.image.has_terms) effect.terms = DecodeTerms(in);
  return effect;
}

TaskIsNow DecodeTaskIsNow(ShardId shard, bool is_traced, ByteReader* in) {
  TaskIsNow effect;
  effect.image = DecodeImage(shard, in);
  const uint8_t parts = in->U8();
  if (parts & ~kAllParts) in->Raw(SIZE_MAX);  // fails the reader
  if (parts & kHolder) {
    LeaseHolder holder{.worker = TakeString(in)};
    holder.incarnation = in->U64();
    holder.build = TakeString(in);
    effect.holder = std::move(holder);
  }
  if (parts & kError) {
    auto error = std::make_shared<TaskError>();
    error->code = TakeString(in);
    error->message = TakeString(in);
    effect.error = std::move(error);
  }
  if (parts & kResult) {
    auto result = std::make_shared<TaskResult>();
    result->bytes = TakeString(in);
    result->content_type = TakeString(in);
    result->sha256 = TakeSha256(in);
    effect.result = std::move(result);
  }
  if (parts & kBody) effect.body = DecodeBody(is_traced, in);
  if (parts & kLeft) effect.left = DecodePlace(in);
  if (parts & kTerms) effect.terms = DecodeTerms(in);
  if (parts & kTrail) effect.trail = DecodeTrail(effect.error, in);
  return effect;
}

KeyIsNow DecodeKeyIsNow(ShardId shard, ByteReader* in) {
  KeyIsNow effect;
  effect.id = {in->U64(), in->U64()};
  effect.request_hash = in->U64();
  effect.task = TaskId::Of(shard, in->Varint());
  effect.expires = {in->Signed()};
  return effect;
}

CountersAreNow DecodeCounters(ByteReader* in) {
  CountersAreNow effect;
  effect.queue = static_cast<QueueId>(in->Varint());
  effect.accepted = in->Varint();
  if (in->U8() != kEndedStates) in->Raw(SIZE_MAX);  // fails the reader
  for (EndedRange& range : effect.ended) range = {in->Varint(), in->Varint()};
  if (in->U8() != kRemovals) in->Raw(SIZE_MAX);
  for (uint64_t& count : effect.removed) count = in->Varint();
  return effect;
}

TaskIsGone DecodeTaskIsGone(ShardId shard, ByteReader* in) {
  TaskIsGone effect{.id = TaskId::Of(shard, in->Varint()), .place = DecodePlace(in)};
  const uint8_t why = in->U8();
  if (why >= kRemovals) in->Raw(SIZE_MAX);  // fails the reader
  effect.why = static_cast<Removal>(why);
  return effect;
}

bool IsState(TaskState state) { return TaskStateName(state).has_value(); }

bool IsKnownState(const Effect& effect) {
  if (const auto* made = std::get_if<TaskIsNew>(&effect)) return IsState(made->image.state);
  if (const auto* gone = std::get_if<TaskIsGone>(&effect)) return IsState(gone->place.state);
  if (const auto* now = std::get_if<TaskIsNow>(&effect))
    return IsState(now->image.state) && (!now->left || IsState(now->left->state));
  return true;
}

}  // namespace

std::string_view RemovalName(Removal why) {
  switch (why) {
    case Removal::kRetention:
      return "retention";
    case Removal::kDeleted:
      return "deleted";
    case Removal::kMoved:
      return "moved";
    case Removal::kReplaced:
      return "replaced";
  }
  return "unknown";
}

void Encode(const QueueIsNow& effect, ByteWriter* out) {
  out->U8(effect.takes_over ? kQueueTakesOver : kQueueIsNow);
  out->Varint(effect.id);
  out->Bytes(effect.name);
  EncodePolicy(effect.policy, out);
}

void Encode(const TypeIsNow& effect, ByteWriter* out) {
  out->U8(effect.takes_over ? kTypeTakesOver : kTypeIsNow);
  out->Varint(effect.id);
  out->Bytes(effect.name);
  EncodeTypePolicy(effect.policy, out);
}

void Encode(const TaskIsNew& effect, ByteWriter* out) {
  out->U8(effect.body->traceparent.empty() ? kTaskIsNew : kTracedTaskIsNew);
  EncodeImage(effect.image, out);
  EncodeBody(*effect.body, out);
  if (!effect.image.has_terms) return;
  TREADLE_CHECK(effect.terms != nullptr);  // the image promises them to every reader
  EncodeTerms(*effect.terms, out);
}

void Encode(const TaskIsNow& effect, ByteWriter* out) {
  const bool is_traced = effect.body && !effect.body->traceparent.empty();
  out->U8(is_traced ? kTracedTaskIsNow : kTaskIsNow);
  EncodeImage(effect.image, out);
  out->U8(static_cast<uint8_t>((effect.holder ? kHolder : 0) | (effect.error ? kError : 0) |
                               (effect.result ? kResult : 0) | (effect.body ? kBody : 0) |
                               (effect.left ? kLeft : 0) | (effect.terms ? kTerms : 0) |
                               (effect.trail ? kTrail : 0)));
  if (effect.holder) {
    out->Bytes(effect.holder->worker);
    out->U64(effect.holder->incarnation);
    out->Bytes(effect.holder->build);
  }
  if (effect.error) {
    out->Bytes(effect.error->code);
    out->Bytes(effect.error->message);
  }
  if (effect.result) {
    out->Bytes(effect.result->bytes);
    out->Bytes(effect.result->content_type);
    out->Raw(effect.result->sha256.view());
  }
  if (effect.body) EncodeBody(*effect.body, out);
  if (effect.left) EncodePlace(*effect.left, out);
  if (effect.terms) EncodeTerms(*effect.terms, out);
  if (effect.trail) EncodeTrail(*effect.trail, out);
}

void Encode(const TaskIsGone& effect, ByteWriter* out) {
  TREADLE_CHECK(static_cast<size_t>(effect.why) < kRemovals);  // no reader knows another reason
  out->U8(kTaskIsGone);
  out->Varint(effect.id.sequence());
  EncodePlace(effect.place, out);
  out->U8(static_cast<uint8_t>(effect.why));
}

void Encode(const KeyIsNow& effect, ByteWriter* out) {
  out->U8(kKeyIsNow);
  out->U64(effect.id[0]);
  out->U64(effect.id[1]);
  out->U64(effect.request_hash);
  out->Varint(effect.task.sequence());
  out->Signed(effect.expires.ms);
}

void Encode(const KeyIsGone& effect, ByteWriter* out) {
  out->U8(kKeyIsGone);
  out->U64(effect.id[0]);
  out->U64(effect.id[1]);
}

void Encode(const CountersAreNow& effect, ByteWriter* out) {
  out->U8(kCountersAreNow);
  out->Varint(effect.queue);
  out->Varint(effect.accepted);
  out->U8(kEndedStates);
  for (const EndedRange& range : effect.ended) {
    out->Varint(range.next);
    out->Varint(range.from);
  }
  out->U8(kRemovals);
  for (const uint64_t count : effect.removed) out->Varint(count);
}

Effect EffectReader::Decode(uint8_t kind) {
  switch (kind) {
    case kQueueIsNow:
    case kQueueTakesOver: {
      QueueIsNow effect{.id = static_cast<QueueId>(in_.Varint()), .name = TakeString(&in_)};
      effect.policy = DecodePolicy(&in_);
      effect.takes_over = kind == kQueueTakesOver;
      return effect;
    }
    case kTypeIsNow:
    case kTypeTakesOver: {
      TypeIsNow effect{.id = static_cast<TypeId>(in_.Varint()), .name = TakeString(&in_)};
      effect.policy = DecodeTypePolicy(&in_);
      effect.takes_over = kind == kTypeTakesOver;
      return effect;
    }
    case kTaskIsNew:
    case kTracedTaskIsNew:
      return DecodeTaskIsNew(shard_, kind == kTracedTaskIsNew, &in_);
    case kTaskIsNow:
    case kTracedTaskIsNow:
      return DecodeTaskIsNow(shard_, kind == kTracedTaskIsNow, &in_);
    case kKeyIsNow:
      return DecodeKeyIsNow(shard_, &in_);
    case kKeyIsGone:
      return KeyIsGone{.id = {in_.U64(), in_.U64()}};
    case kCountersAreNow:
      return DecodeCounters(&in_);
    case kTaskIsGone:
      return DecodeTaskIsGone(shard_, &in_);
    default:
      in_.Raw(SIZE_MAX);  // fails the reader
      return KeyIsGone{};
  }
}

Result<std::optional<Effect>> EffectReader::Next() {
  if (in_.remaining() == 0) return std::optional<Effect>();
  const uint8_t kind = in_.U8();
  Effect effect = Decode(kind);
  if (in_.failed() || !IsKnownState(effect))
    return Status(Code::kDataLoss, "an effect of kind " + std::to_string(kind) +
                                       " cannot be read: damaged, or written by a newer Treadle");
  return std::optional<Effect>(std::move(effect));
}

}  // namespace treadle
