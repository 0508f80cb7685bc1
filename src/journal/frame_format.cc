#include "journal/frame_format.h"

#include <cstring>

#include "base/bytes.h"
#include "base/check.h"
#include "base/hash.h"

namespace treadle {
namespace {

constexpr std::string_view kSegmentMagic = "TRDLSEG\n";
constexpr uint32_t kFrameMagic = 0x4d524654;                   // "TFRM"
constexpr size_t kHeaderChecksumAt = kSegmentHeaderBytes - 8;  // the same in every version
constexpr size_t kChecksumEnd = 16;  // of the frame header: magic, length, checksum
static_assert(kSegmentMagic.size() + 2 * sizeof(uint32_t) + 6 * sizeof(uint64_t) <=
              kHeaderChecksumAt);

// What is counted from 1, and would take centuries to come near this.
bool IsCounted(uint64_t number) { return number > 0 && number < uint64_t{1} << 62; }

// A checksum that holds says nothing of who wrote the header: whoever reads a segment relies on
// these.
bool MakesSense(const SegmentHeader& header) {
  return IsCounted(header.number) && IsCounted(header.first_sequence) && header.term > 0 &&
         header.term < kTermMax && header.segment_bytes >= 2 * kSegmentHeaderBytes &&
         header.segment_bytes <= uint64_t{1} << 30;
}

}  // namespace

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string bytes;
  ByteWriter out(&bytes);
  out.Raw(kSegmentMagic);
  out.U32(kJournalFormat);
  out.U32(header.term);
  out.U64(header.number);
  out.U64(header.incarnation);
  out.U64(header.identity);
  out.U64(header.first_sequence);
  out.U64(header.synced_through);
  out.U64(header.segment_bytes);
  bytes.resize(kHeaderChecksumAt, '\0');
  out.U64(Xxh3(bytes));
  TREADLE_CHECK(bytes.size() == kSegmentHeaderBytes);
  return bytes;
}

Result<SegmentHeader> DecodeSegmentHeader(std::string_view bytes) {
  ByteReader in(bytes);
  const std::string_view magic = in.Raw(kSegmentMagic.size());
  const uint32_t version = in.U32();
  if (bytes.size() < kSegmentHeaderBytes || magic != kSegmentMagic)
    return Status(Code::kDataLoss, "is damaged: it does not begin with a segment header");
  ByteReader checksum(bytes.substr(kHeaderChecksumAt));
  if (checksum.U64() != Xxh3(bytes.substr(0, kHeaderChecksumAt)) || version == 0)
    return Status(Code::kDataLoss, "has a damaged header");
  if (version > kJournalFormat)
    return Status(Code::kFailedPrecondition,
                  "was written by a newer Treadle (journal format " + std::to_string(version) +
                      "; this version reads up to " + std::to_string(kJournalFormat) + ")");
  if (version < kJournalFormatOldest)
    return Status(Code::kFailedPrecondition,
                  "was written by a Treadle from before the first release (journal format " +
                      std::to_string(version) + "); only that version can read it");
  SegmentHeader header;
  header.term = in.U32();
  header.number = in.U64();
  header.incarnation = in.U64();
  header.identity = in.U64();
  header.first_sequence = in.U64();
  header.synced_through = in.U64();
  header.segment_bytes = in.U64();
  if (!MakesSense(header)) return Status(Code::kDataLoss, "has a header with implausible numbers");
  return header;
}

void EncodeFrame(const Frame& frame, uint64_t incarnation, uint64_t synced_through,
                 std::string* out) {
  // A frame that says of itself that it is durable would prove its own damage.
  TREADLE_CHECK(synced_through < frame.sequence);
  TREADLE_CHECK(frame.effects.size() <= UINT32_MAX);
  const size_t start = out->size();
  ByteWriter writer(out);
  writer.U32(kFrameMagic);
  writer.U32(static_cast<uint32_t>(frame.effects.size()));
  writer.U64(0);  // the checksum, below
  writer.U64(incarnation);
  writer.U64(frame.sequence);
  writer.U64(synced_through);
  writer.U64(static_cast<uint64_t>(frame.time.ms));
  writer.U16(kStream);
  writer.U16(0);
  writer.U32(0);
  TREADLE_CHECK(out->size() - start == kFrameHeaderBytes);
  writer.Raw(frame.effects);
  const uint64_t checksum = Xxh3(std::string_view(*out).substr(start + kChecksumEnd));
  std::memcpy(out->data() + start + 8, &checksum, sizeof checksum);
  out->resize(start + FrameBytes(frame.effects.size()), '\0');
}

size_t BytesWithoutFrame(std::string_view bytes) {
  size_t at = 0;
  for (; at + kFrameAlignment <= bytes.size(); at += kFrameAlignment) {
    uint32_t magic = 0;
    std::memcpy(&magic, bytes.data() + at, sizeof magic);
    if (magic == kFrameMagic) break;
  }
  TREADLE_CHECK(at % kFrameAlignment == 0 && at <= bytes.size());
  return at;
}

std::optional<uint32_t> ClaimedEffectsBytes(std::string_view bytes, uint64_t incarnation) {
  ByteReader in(bytes);
  const uint32_t magic = in.U32();
  const uint32_t length = in.U32();
  in.U64();
  if (magic != kFrameMagic || in.U64() != incarnation || in.failed()) return std::nullopt;
  return length;
}

std::optional<ParsedFrame> ParseFrame(std::string_view bytes, uint64_t incarnation) {
  const auto length = ClaimedEffectsBytes(bytes, incarnation);
  if (!length || bytes.size() < kFrameHeaderBytes + *length) return std::nullopt;
  bytes = bytes.substr(0, kFrameHeaderBytes + *length);
  // Behind magic and length, which the checksum does not cover: a wrong length makes it cover other
  // bytes.
  ByteReader in(bytes.substr(8));
  const uint64_t checksum = in.U64();
  if (checksum != Xxh3(bytes.substr(kChecksumEnd))) return std::nullopt;
  in.U64();
  ParsedFrame parsed;
  parsed.frame.sequence = in.U64();
  parsed.synced_through = in.U64();
  parsed.frame.time = {static_cast<int64_t>(in.U64())};
  if (in.U16() != kStream) return std::nullopt;
  parsed.frame.effects = bytes.substr(kFrameHeaderBytes);
  return parsed;
}

}  // namespace treadle
