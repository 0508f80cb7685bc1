#include "journal/frame_format.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/hash.h"

namespace treadle {
namespace {

constexpr uint64_t kIncarnation = 0x1122334455667788;

SegmentHeader SomeHeader() {
  return {.number = 7,
          .incarnation = kIncarnation,
          .identity = 42,
          .term = 3,
          .first_sequence = 1001,
          .synced_through = 1000,
          .segment_bytes = 8192};
}

std::string Encoded(uint64_t sequence, std::string_view effects) {
  std::string bytes;
  EncodeFrame({sequence, {-5}, effects},
              {.position = sequence, .incarnation = kIncarnation, .synced_through = sequence - 1},
              &bytes);
  return bytes;
}

// The checksum of a header page, made to fit again after a change.
void Seal(std::string* page) {
  const uint64_t checksum = Xxh3(std::string_view(*page).substr(0, page->size() - 8));
  std::memcpy(page->data() + page->size() - 8, &checksum, sizeof checksum);
}

TEST(SegmentHeader, IsReadBackAsItWasWritten) {
  const std::string page = EncodeSegmentHeader(SomeHeader());
  EXPECT_EQ(page.size(), kSegmentHeaderBytes);
  EXPECT_EQ(DecodeSegmentHeader(page).value(), SomeHeader());
}

TEST(SegmentHeader, FollowsTheSpecification) {
  const std::string page = EncodeSegmentHeader(SomeHeader());
  EXPECT_EQ(ToHex(page.substr(0, 64)),
            "5452444c5345470a"  // "TRDLSEG\n"
            "0200000003000000"  // format, term
            "0700000000000000"
            "8877665544332211"
            "2a00000000000000"
            "e903000000000000"
            "e803000000000000"
            "0020000000000000");
}

TEST(SegmentHeader, AnyFlippedBitOrTruncationIsDamage) {
  const std::string page = EncodeSegmentHeader(SomeHeader());
  for (size_t at = 0; at < page.size(); ++at) {
    std::string bad = page;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
    ASSERT_EQ(DecodeSegmentHeader(bad).status().code(), Code::kDataLoss) << at;
  }
  for (const size_t size : {0, 7, 64, 4095})
    EXPECT_EQ(DecodeSegmentHeader(page.substr(0, size)).status().code(), Code::kDataLoss);
}

TEST(SegmentHeader, ImplausibleNumbersAreDamageEvenWithAValidChecksum) {
  const auto code_with = [](auto change) {
    SegmentHeader header = SomeHeader();
    change(&header);
    return DecodeSegmentHeader(EncodeSegmentHeader(header)).status().code();
  };
  EXPECT_EQ(code_with([](SegmentHeader*) {}), Code::kOk);
  EXPECT_EQ(code_with([](SegmentHeader* h) { h->number = 0; }), Code::kDataLoss);
  EXPECT_EQ(code_with([](SegmentHeader* h) { h->number = UINT64_MAX; }), Code::kDataLoss);
  EXPECT_EQ(code_with([](SegmentHeader* h) { h->term = 0; }), Code::kDataLoss);
  EXPECT_EQ(code_with([](SegmentHeader* h) { h->term = UINT32_MAX; }), Code::kDataLoss);
  EXPECT_EQ(code_with([](SegmentHeader* h) { h->first_sequence = 0; }), Code::kDataLoss);
  EXPECT_EQ(code_with([](SegmentHeader* h) { h->first_sequence = UINT64_MAX; }), Code::kDataLoss);
  EXPECT_EQ(code_with([](SegmentHeader* h) { h->segment_bytes = 0; }), Code::kDataLoss);
  EXPECT_EQ(code_with([](SegmentHeader* h) { h->segment_bytes = UINT64_MAX; }), Code::kDataLoss);
}

TEST(SegmentHeader, SaysWhereEachOfSeveralStreamsGoesOn) {
  SegmentHeader header = SomeHeader();
  header.streams = {1001, 7, 1};
  const std::string page = EncodeSegmentHeader(header);
  EXPECT_EQ(page[8], 3) << "servers that know only one stream refuse it";
  EXPECT_EQ(DecodeSegmentHeader(page).value(), header);
  EXPECT_EQ(ToHex(page.substr(64, 32)),
            "0300000000000000"
            "e903000000000000"
            "0700000000000000"
            "0100000000000000");
  header.streams = std::vector<uint64_t>(kStreamsMax, 5);
  EXPECT_EQ(DecodeSegmentHeader(EncodeSegmentHeader(header)).value(), header);
}

TEST(SegmentHeader, AnImplausibleNumberOfStreamsIsDamage) {
  SegmentHeader header = SomeHeader();
  header.streams = {1, 0};
  EXPECT_EQ(DecodeSegmentHeader(EncodeSegmentHeader(header)).status().code(), Code::kDataLoss);
  header.streams = {1, 1};
  for (const char streams : {'\0', '\1'}) {
    std::string page = EncodeSegmentHeader(header);
    page[64] = streams;
    Seal(&page);
    EXPECT_EQ(DecodeSegmentHeader(page).status().code(), Code::kDataLoss);
  }
  std::string page = EncodeSegmentHeader(header);
  page[65] = 2;  // 514
  Seal(&page);
  EXPECT_EQ(DecodeSegmentHeader(page).status().code(), Code::kDataLoss);
}

TEST(SegmentHeader, ANewerVersionIsRefusedAsSuch) {
  std::string page = EncodeSegmentHeader(SomeHeader());
  page[8] = static_cast<char>(kJournalFormat + 1);
  Seal(&page);
  EXPECT_EQ(DecodeSegmentHeader(page).status().code(), Code::kFailedPrecondition);
  page[8] = 1;  // from before the first release
  Seal(&page);
  EXPECT_EQ(DecodeSegmentHeader(page).status().code(), Code::kFailedPrecondition);
  page[8] = 0;
  Seal(&page);
  EXPECT_EQ(DecodeSegmentHeader(page).status().code(), Code::kDataLoss);
}

TEST(Frame, IsReadBackAsItWasWritten) {
  for (const size_t size : {0, 1, 7, 8, 9, 1000}) {
    const std::string effects(size, 'e');
    const std::string bytes = Encoded(9, effects);
    EXPECT_EQ(bytes.size(), FrameBytes(size));
    EXPECT_EQ(bytes.size() % kFrameAlignment, 0u);
    const std::string with_more = bytes + "what follows";
    const auto parsed = ParseFrame(with_more, kIncarnation);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->frame.sequence, 9u);
    EXPECT_EQ(parsed->frame.time, ShardTime{-5});
    EXPECT_EQ(parsed->frame.effects, effects);
    EXPECT_EQ(parsed->synced_through, 8u);
  }
}

TEST(Frame, FollowsTheSpecification) {
  const std::string bytes = Encoded(9, "abc");
  EXPECT_EQ(ToHex(bytes.substr(0, 8)), "5446524d03000000");  // "TFRM", length
  EXPECT_EQ(ToHex(bytes.substr(16)),
            "8877665544332211"
            "0900000000000000"
            "0800000000000000"
            "fbffffffffffffff"
            "0100000000000000"  // stream 1, reserved
            "6162630000000000");
}

TEST(Frame, AmongStreamsSaysItsSequenceThereAndItsPlaceInTheLog) {
  std::string bytes;
  EncodeFrame(
      {.sequence = 9, .time = {-5}, .effects = "abc", .stream = 3},
      {.position = 500, .incarnation = kIncarnation, .synced_through = 498, .among_streams = true},
      &bytes);
  EXPECT_EQ(ToHex(bytes.substr(0, 8)), "5446524d0b000000");  // "TFRM", length
  EXPECT_EQ(ToHex(bytes.substr(16)),
            "8877665544332211"
            "f401000000000000"
            "f201000000000000"
            "fbffffffffffffff"
            "0300010000000000"  // stream 3, flags
            "0900000000000000"  // in its stream
            "6162630000000000");
  const auto parsed = ParseFrame(bytes, kIncarnation);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->position, 500U);
  EXPECT_EQ(parsed->bytes, bytes.size());
  EXPECT_EQ(parsed->frame.sequence, 9U);
  EXPECT_EQ(parsed->frame.stream, 3U);
  EXPECT_EQ(parsed->frame.effects, "abc");
}

TEST(Frame, IsInvalidWithAnyBitFlipped) {
  const std::string bytes = Encoded(9, "some effects");
  for (size_t at = 0; at < kFrameHeaderBytes + 12; ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = bytes;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      ASSERT_FALSE(ParseFrame(bad, kIncarnation)) << at;
    }
}

TEST(Frame, IsInvalidWhenTruncated) {
  const std::string bytes = Encoded(9, "some effects");
  for (size_t size = 0; size < kFrameHeaderBytes + 12; ++size)
    ASSERT_FALSE(ParseFrame(std::string_view(bytes).substr(0, size), kIncarnation)) << size;
}

TEST(Frame, IsInvalidInAnotherIncarnation) {
  EXPECT_FALSE(ParseFrame(Encoded(9, "effects"), kIncarnation + 1));
}

TEST(Frame, IsFoundAtTheNextPlaceWhereOneMayBegin) {
  EXPECT_EQ(BytesWithoutFrame(""), 0u);
  EXPECT_EQ(BytesWithoutFrame(std::string(63, 'T')), 56u);
  const std::string frame = Encoded(9, "effects");
  EXPECT_EQ(BytesWithoutFrame(frame), 0u);
  EXPECT_EQ(BytesWithoutFrame(std::string(24, '\0') + frame), 24u);
  EXPECT_EQ(BytesWithoutFrame(std::string(4, '\0') + frame), 4 + frame.size() - 4);
}

TEST(Frame, IsAppendedToTheBuffer) {
  std::string bytes = Encoded(1, "first");
  const size_t size = bytes.size();
  EncodeFrame({2, {}, "second"}, {.position = 2, .incarnation = kIncarnation, .synced_through = 1},
              &bytes);
  const auto parsed = ParseFrame(std::string_view(bytes).substr(size), kIncarnation);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->frame.effects, "second");
}

}  // namespace
}  // namespace treadle
