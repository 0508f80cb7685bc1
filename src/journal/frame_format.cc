#include "journal/frame_format.h"

#include <algorithm>
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

constexpr uint16_t kAmongStreams = 1;  // a flag: the body begins with the sequence in the stream

// What is counted from 1, and would take centuries to come near this.
bool IsCounted(uint64_t number) { return number > 0 && number < uint64_t{1} << 62; }

// A checksum that holds says nothing of who wrote the header: whoever reads a segment relies on
// these.
bool MakesSense(const SegmentHeader& header) {
  return IsCounted(header.number) && IsCounted(header.first_sequence) && header.term > 0 &&
         header.term < kTermMax && header.segment_bytes >= 2 * kSegmentHeaderBytes &&
         header.segment_bytes <= uint64_t{1} << 30 &&
         std::ranges::all_of(header.streams, IsCounted);
}

}  // namespace

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string bytes;
  ByteWriter out(&bytes);
  out.Raw(kSegmentMagic);
  out.U32(header.streams.empty() ? kJournalFormatOneStream : kJournalFormat);
  out.U32(header.term);
  out.U64(header.number);
  out.U64(header.incarnation);
  out.U64(header.identity);
  out.U64(header.first_sequence);
  out.U64(header.synced_through);
  out.U64(header.segment_bytes);
  if (!header.streams.empty()) {
    TREADLE_CHECK(header.streams.size() <= kStreamsMax);
    out.U64(header.streams.size());
    for (const uint64_t sequence : header.streams) out.U64(sequence);
  }
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
  if (version > kJournalFormatOneStream) {
    const uint64_t streams = in.U64();
    if (streams < 2 || streams > kStreamsMax)
      return Status(Code::kDataLoss, "has a header with implausible numbers");
    header.streams.resize(streams);
    for (uint64_t& sequence : header.streams) sequence = in.U64();
  }
  if (!MakesSense(header)) return Status(Code::kDataLoss, "has a header with implausible numbers");
  return header;
}

void EncodeFrame(const Frame& frame, const FramePlace& place, std::string* out) {
  TREADLE_CHECK(place.among_streams || (frame.stream == 1 && frame.sequence == place.position));
  // A frame that says of itself that it is durable would prove its own damage.
  TREADLE_CHECK(place.synced_through < place.position);
  TREADLE_CHECK(frame.effects.size() <= UINT32_MAX - kStreamSequenceBytes);
  const size_t start = out->size();
  const size_t body = frame.effects.size() + (place.among_streams ? kStreamSequenceBytes : 0);
  ByteWriter writer(out);
  writer.U32(kFrameMagic);
  writer.U32(static_cast<uint32_t>(body));
  writer.U64(0);  // the checksum, below
  writer.U64(place.incarnation);
  writer.U64(place.position);
  writer.U64(place.synced_through);
  writer.U64(static_cast<uint64_t>(frame.time.ms));
  writer.U16(frame.stream);
  writer.U16(place.among_streams ? kAmongStreams : 0);
  writer.U32(0);
  TREADLE_CHECK(out->size() - start == kFrameHeaderBytes);
  if (place.among_streams) writer.U64(frame.sequence);
  writer.Raw(frame.effects);
  const uint64_t checksum = Xxh3(std::string_view(*out).substr(start + kChecksumEnd));
  std::memcpy(out->data() + start + 8, &checksum, sizeof checksum);
  out->resize(start + FrameBytes(body), '\0');
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

std::optional<uint32_t> ClaimedBodyBytes(std::string_view bytes, uint64_t incarnation) {
  ByteReader in(bytes);
  const uint32_t magic = in.U32();
  const uint32_t length = in.U32();
  in.U64();
  if (magic != kFrameMagic || in.U64() != incarnation || in.failed()) return std::nullopt;
  return length;
}

std::optional<ParsedFrame> ParseFrame(std::string_view bytes, uint64_t incarnation) {
  const auto length = ClaimedBodyBytes(bytes, incarnation);
  if (!length || bytes.size() < kFrameHeaderBytes + *length) return std::nullopt;
  bytes = bytes.substr(0, kFrameHeaderBytes + *length);
  // Behind magic and length, which the checksum does not cover: a wrong length makes it cover other
  // bytes.
  ByteReader in(bytes.substr(8));
  const uint64_t checksum = in.U64();
  if (checksum != Xxh3(bytes.substr(kChecksumEnd))) return std::nullopt;
  in.U64();
  ParsedFrame parsed{.bytes = FrameBytes(*length)};
  parsed.position = parsed.frame.sequence = in.U64();
  parsed.synced_through = in.U64();
  parsed.frame.time = {static_cast<int64_t>(in.U64())};
  parsed.frame.stream = in.U16();
  const uint16_t flags = in.U16();
  in.U32();
  parsed.frame.effects = bytes.substr(kFrameHeaderBytes);
  // Bits that this version does not know, it ignores; a frame among streams says so.
  parsed.among_streams = (flags & kAmongStreams) != 0;
  if (parsed.among_streams) {
    parsed.frame.sequence = in.U64();
    if (in.failed() || parsed.frame.stream == 0) return std::nullopt;
    parsed.frame.effects.remove_prefix(kStreamSequenceBytes);
  } else if (parsed.frame.stream != 1) {
    return std::nullopt;
  }
  return parsed;
}

}  // namespace treadle
