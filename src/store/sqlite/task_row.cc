#include "store/sqlite/task_row.h"

#include <array>
#include <bit>
#include <cstring>
#include <numeric>

#include "base/check.h"
#include "engine/effects.h"
#include "model/limits.h"

namespace treadle {
namespace {

// Form 2 has flags that form 1 did not know, form 3 a part; a row is written as the oldest form
// that has what it needs.
constexpr uint8_t kFormOldest = 1;
constexpr uint8_t kFormOfFlags = 2;
constexpr uint8_t kForm = 3;

// Bits of the fourth byte. On disk.
enum Flag : uint8_t {
  kReported = 1,
  kCancelRequested = 2,
  kHasTerms = 4,
  kSearched = 8,
  kHasTrail = 16,
  kByShardTime = 32,
  kApart = 64,
};
constexpr uint8_t kFlagsOfForm2 = kByShardTime | kApart;

static_assert(kRowTraceparentBytes == Traceparent::kBytes);

using Texts = std::array<std::string_view, kRowTexts>;

template <class T>
T BigEndian(T value) {
  static_assert(std::endian::native == std::endian::little);
  if constexpr (sizeof value == 2)
    return static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
  if constexpr (sizeof value == 4)
    return static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(value)));
  if constexpr (sizeof value == 8)
    return static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(value)));
  return value;
}

// All but the texts, which a row has room for.
constexpr size_t kHeadBytesMax = size_t{kRowCoreBytes} + kRowAttemptBytes + kRowEndBytes +
                                 kRowResultBytes + size_t{2} * kRowTexts;

class Head {
 public:
  template <class T>
  void Number(T value) {
    value = BigEndian(value);
    Bytes(&value, sizeof value);
  }
  void Raw(std::string_view bytes) { Bytes(bytes.data(), bytes.size()); }
  std::string_view bytes() const { return {bytes_.data(), size_}; }

 private:
  void Bytes(const void* bytes, size_t size) {
    TREADLE_CHECK(size <= bytes_.size() - size_);
    std::memcpy(bytes_.data() + size_, bytes, size);
    size_ += size;
  }

  std::array<char, kHeadBytesMax> bytes_;
  size_t size_ = 0;
};

// Of bytes whose number was checked.
class In {
 public:
  explicit In(std::string_view bytes) : next_(bytes.data()) {}

  template <class T>
  T Number() {
    T value;
    std::memcpy(&value, next_, sizeof value);
    next_ += sizeof value;
    return BigEndian(value);
  }
  Sha256 Digest() { return *Sha256FromRaw(Raw(sizeof(Sha256))); }
  std::string_view Raw(size_t size) {
    const std::string_view bytes(next_, size);
    next_ += size;
    return bytes;
  }

 private:
  const char* next_;
};

uint8_t FlagsOf(const TaskRow& row) {
  const TaskImage& image = row.image;
  return static_cast<uint8_t>(
      (image.reported ? kReported : 0) | (image.cancel_requested ? kCancelRequested : 0) |
      (image.has_terms ? kHasTerms : 0) | (image.has_trail ? kHasTrail : 0) |
      (row.searched ? kSearched : 0) | (image.by_shard_time ? kByShardTime : 0) |
      (image.apart ? kApart : 0));
}

bool HasAttempt(const TaskRow& row) {
  const TaskImage& image = row.image;
  return row.holder || image.unspent != 0 || image.attempt != 0 || image.term != 0 ||
         image.exchange != 0 || image.started_at.ms != 0 || image.worker_losses != 0;
}

Texts TextsOf(const TaskRow& row) {
  Texts texts;
  if (row.holder) texts[kRowWorker] = row.holder->worker;
  if (row.error) texts[kRowErrorCode] = row.error->code;
  if (row.error) texts[kRowErrorMessage] = row.error->message;
  texts[kRowContentType] = row.content_type;
  texts[kRowTags] = row.tags;
  texts[kRowIdempotencyKey] = row.idempotency_key;
  if (row.holder) texts[kRowBuild] = row.holder->build;
  if (row.result) texts[kRowResultContentType] = row.result->content_type;
  texts[kRowTerms] = row.terms;
  return texts;
}

size_t Sum(const Texts& texts) {
  return std::accumulate(texts.begin(), texts.end(), size_t{0},
                         [](size_t sum, std::string_view text) { return sum + text.size(); });
}

uint8_t PartsOf(const TaskRow& row, const Texts& texts) {
  return static_cast<uint8_t>(
      (HasAttempt(row) ? kRowHasAttempt : 0) | (IsTerminal(row.image.state) ? kRowHasEnd : 0) |
      (row.result ? kRowHasResult : 0) | (Sum(texts) > 0 ? kRowHasTexts : 0) |
      (row.holder ? kRowHasHolder : 0) | (row.error ? kRowHasError : 0) |
      (row.traceparent.empty() ? 0 : kRowHasTraceparent));
}

uint8_t FormOf(uint8_t flags, uint8_t parts) {
  if ((parts & kRowHasTraceparent) != 0) return kForm;
  return (flags & kFlagsOfForm2) != 0 ? kFormOfFlags : kFormOldest;
}

void EncodeCore(const TaskRow& row, uint8_t parts, Head* out) {
  const TaskImage& image = row.image;
  const uint8_t flags = FlagsOf(row);
  out->Number(FormOf(flags, parts));
  out->Number(static_cast<uint8_t>(image.state));
  out->Number(static_cast<uint8_t>(limits::kPriorityMax - image.priority));
  out->Number(flags);
  out->Number(parts);
  out->Number(uint8_t{0});
  out->Number(image.max_attempts);
  out->Number(image.id.packed);
  out->Number(image.queue);
  out->Number(image.type);
  out->Number(image.when_ms);
  out->Number(image.enqueued_at.ms);
  out->Raw(row.payload_sha256.view());
}

void EncodeAttempt(const TaskRow& row, Head* out) {
  const TaskImage& image = row.image;
  out->Number(image.unspent);
  out->Number(image.attempt);
  out->Number(image.term);
  out->Number(image.exchange);
  out->Number(image.started_at.ms);
  out->Number(row.holder ? row.holder->incarnation : 0);
  out->Number(image.worker_losses);
}

void EncodeEnd(const TaskRow& row, Head* out) {
  out->Number(row.image.ordinal);
  out->Number(row.image.finished_at.ms);
  out->Number(row.bytes);
}

void EncodeSizes(const Texts& texts, Head* out) {
  for (const std::string_view text : texts) {
    TREADLE_CHECK(text.size() <= UINT16_MAX);
    out->Number(static_cast<uint16_t>(text.size()));
  }
}

// The bytes before the texts themselves.
size_t HeadBytes(uint8_t parts) {
  return size_t{kRowCoreBytes} + ((parts & kRowHasAttempt) != 0 ? kRowAttemptBytes : 0) +
         ((parts & kRowHasEnd) != 0 ? kRowEndBytes : 0) +
         ((parts & kRowHasResult) != 0 ? kRowResultBytes : 0) +
         ((parts & kRowHasTexts) != 0 ? 2 * kRowTexts : 0);
}

// Its parts, and whether the texts take what is left of the bytes.
bool HasItsSize(std::string_view bytes, uint8_t parts) {
  if ((parts & kRowHasTraceparent) != 0) {
    if (bytes.size() < size_t{kRowTraceparentBytes}) return false;
    bytes.remove_suffix(size_t{kRowTraceparentBytes});
  }
  const size_t head = HeadBytes(parts);
  if (bytes.size() < head) return false;
  if ((parts & kRowHasTexts) == 0) return bytes.size() == head;
  In sizes(bytes.substr(head - size_t{2} * kRowTexts));
  size_t texts = 0;
  for (int i = 0; i < kRowTexts; ++i) texts += sizes.Number<uint16_t>();
  return bytes.size() == head + texts;
}

// Returns its parts.
uint8_t DecodeCore(In* in, TaskRow* row) {
  TaskImage& image = row->image;
  image.state = in->Number<TaskState>();
  image.priority = static_cast<uint8_t>(limits::kPriorityMax - in->Number<uint8_t>());
  SetFlags(in->Number<uint8_t>(), row);
  const auto parts = in->Number<uint8_t>();
  (void)in->Number<uint8_t>();
  image.max_attempts = in->Number<uint16_t>();
  image.id = {in->Number<uint64_t>()};
  image.queue = in->Number<QueueId>();
  image.type = in->Number<TypeId>();
  image.when_ms = in->Number<int64_t>();
  image.enqueued_at = {in->Number<int64_t>()};
  row->payload_sha256 = in->Digest();
  return parts;
}

void DecodeAttempt(In* in, TaskRow* row) {
  TaskImage& image = row->image;
  image.unspent = in->Number<uint32_t>();
  image.attempt = in->Number<uint32_t>();
  image.term = in->Number<uint32_t>();
  image.exchange = in->Number<uint32_t>();
  image.started_at = {in->Number<int64_t>()};
  const auto incarnation = in->Number<uint64_t>();
  image.worker_losses = in->Number<uint16_t>();
  if (row->holder) row->holder->incarnation = incarnation;
}

void DecodeEnd(In* in, TaskRow* row) {
  row->image.ordinal = in->Number<uint64_t>();
  row->image.finished_at = {in->Number<int64_t>()};
  row->bytes = in->Number<uint32_t>();
}

void DecodeTexts(In* in, TaskRow* row) {
  std::array<uint16_t, kRowTexts> sizes{};
  for (uint16_t& size : sizes) size = in->Number<uint16_t>();
  Texts texts;
  for (size_t i = 0; i < texts.size(); ++i) texts[i] = in->Raw(sizes[i]);
  if (row->holder) row->holder->worker = texts[kRowWorker];
  if (row->holder) row->holder->build = texts[kRowBuild];
  if (row->error) row->error = {texts[kRowErrorCode], texts[kRowErrorMessage]};
  if (row->result) row->result->content_type = texts[kRowResultContentType];
  row->content_type = texts[kRowContentType];
  row->tags = texts[kRowTags];
  row->idempotency_key = texts[kRowIdempotencyKey];
  row->terms = texts[kRowTerms];
}

Status Senseless() { return {Code::kDataLoss, "a task in the store is implausible"}; }

std::string TagLines(const TaskBody& body) {
  std::string lines;  // tags hold no control characters
  for (const std::string& tag : body.tags) lines.append(lines.empty() ? "" : "\n").append(tag);
  return lines;
}

}  // namespace

TaskRow RowOf(const TaskRecord& record, TaskRowTexts* texts) {
  TaskRow row{.image = record.image};
  if (record.holder)
    row.holder = {record.holder->worker, record.holder->incarnation, record.holder->build};
  if (record.error) row.error = {record.error->code, record.error->message};
  if (record.result) row.result = {record.result->sha256, record.result->content_type};
  if (record.image.has_terms && record.terms) {
    texts->terms.clear();
    ByteWriter out(&texts->terms);
    EncodeTerms(*record.terms, &out);
    row.terms = texts->terms;
  }
  if (const TaskBody* const body = record.body.get()) {
    texts->tags = TagLines(*body);
    row.payload_sha256 = body->payload_sha256;
    row.content_type = body->content_type;
    row.idempotency_key = body->idempotency_key;
    row.tags = texts->tags;
    if (!body->traceparent.empty()) row.traceparent = body->traceparent.view();
  }
  return row;
}

void EncodeRow(const TaskRow& row, std::string* bytes) {
  const Texts texts = TextsOf(row);
  const uint8_t parts = PartsOf(row, texts);
  Head head;
  EncodeCore(row, parts, &head);
  if ((parts & kRowHasAttempt) != 0) EncodeAttempt(row, &head);
  if ((parts & kRowHasEnd) != 0) EncodeEnd(row, &head);
  if ((parts & kRowHasResult) != 0) head.Raw(row.result->sha256.view());
  if ((parts & kRowHasTexts) != 0) EncodeSizes(texts, &head);
  TREADLE_CHECK(head.bytes().size() == HeadBytes(parts));  // where a reader looks for the texts
  bytes->assign(head.bytes());
  if ((parts & kRowHasTexts) != 0)
    for (const std::string_view text : texts) bytes->append(text);
  TREADLE_CHECK(row.traceparent.empty() || row.traceparent.size() == kRowTraceparentBytes);
  if ((parts & kRowHasTraceparent) != 0) bytes->append(row.traceparent);
}

Status DecodeRow(std::string_view bytes, TaskRow* row) {
  *row = {};
  if (bytes.size() < kRowCoreBytes) return Senseless();
  In in(bytes);
  if (const auto form = in.Number<uint8_t>(); form < kFormOldest || form > kForm)
    return Senseless();
  const uint8_t parts = DecodeCore(&in, row);
  if (!TaskStateName(row->image.state) || row->image.priority > limits::kPriorityMax ||
      IsTerminal(row->image.state) != ((parts & kRowHasEnd) != 0) || !HasItsSize(bytes, parts))
    return Senseless();
  if ((parts & kRowHasHolder) != 0) row->holder.emplace();
  if ((parts & kRowHasError) != 0) row->error.emplace();
  if ((parts & kRowHasAttempt) != 0) DecodeAttempt(&in, row);
  if ((parts & kRowHasEnd) != 0) DecodeEnd(&in, row);
  if ((parts & kRowHasResult) != 0) row->result = {in.Digest(), ""};
  if ((parts & kRowHasTexts) != 0) DecodeTexts(&in, row);
  if ((parts & kRowHasTraceparent) != 0) row->traceparent = in.Raw(kRowTraceparentBytes);
  return {};
}

bool DecodeDamagedRow(std::string_view bytes, TaskRow* row) {
  if (bytes.size() < kRowCoreBytes) return false;
  if (!DecodeRow(bytes, row).ok()) {
    *row = {};
    In in(bytes.substr(1));
    DecodeCore(&in, row);
    row->image.has_terms = false;
    if (row->image.state == TaskState::kRunning) row->image.state = TaskState::kReady;  // by whom?
  }
  row->payload_sha256 = {};
  return true;
}

void SetFlags(uint8_t flags, TaskRow* row) {
  row->image.reported = (flags & kReported) != 0;
  row->image.cancel_requested = (flags & kCancelRequested) != 0;
  row->image.has_terms = (flags & kHasTerms) != 0;
  row->image.has_trail = (flags & kHasTrail) != 0;
  row->searched = (flags & kSearched) != 0;
  row->image.apart = (flags & kApart) != 0;
  row->image.by_shard_time =
      (flags & kByShardTime) != 0 && row->image.state == TaskState::kScheduled;
}

bool HasReadableTerms(const TaskRow& row) {
  if (!row.image.has_terms) return true;
  ByteReader in(row.terms);
  (void)DecodeTerms(&in);
  return !in.failed();
}

void DropTerms(TaskRow* row) {
  row->image.has_terms = false;
  row->terms = {};
}

}  // namespace treadle
