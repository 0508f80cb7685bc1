#include "base/bytes.h"

#include <gtest/gtest.h>

#include <limits>

namespace treadle {
namespace {

TEST(Bytes, EveryKindOfValueComesBackAsItWasWritten) {
  std::string bytes;
  ByteWriter out(&bytes);
  out.U8(200);
  out.U16(60'000);
  out.U32(4'000'000'000);
  out.U64(std::numeric_limits<uint64_t>::max());
  for (const uint64_t v : {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{1} << 63})
    out.Varint(v);
  const int64_t edges[] = {0, -1, 1, std::numeric_limits<int64_t>::min(),
                           std::numeric_limits<int64_t>::max()};
  for (const int64_t v : edges) out.Signed(v);
  out.Bytes("text");

  ByteReader in(bytes);
  EXPECT_EQ(in.U8(), 200);
  EXPECT_EQ(in.U16(), 60'000);
  EXPECT_EQ(in.U32(), 4'000'000'000);
  EXPECT_EQ(in.U64(), std::numeric_limits<uint64_t>::max());
  for (const uint64_t v : {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{1} << 63})
    EXPECT_EQ(in.Varint(), v);
  for (const int64_t v : edges) EXPECT_EQ(in.Signed(), v);
  EXPECT_EQ(in.Bytes(), "text");
  EXPECT_EQ(in.remaining(), 0U);
  EXPECT_FALSE(in.failed());
}

TEST(Bytes, NumbersSideBySideAreTheSameBytesAsOneByOne) {
  std::string expected;
  ByteWriter out(&expected);
  NumberWriter<1 + 2 * kVarintBytesMax> numbers;
  out.U8(255);
  numbers.U8(255);
  out.Varint(std::numeric_limits<uint64_t>::max());
  numbers.Varint(std::numeric_limits<uint64_t>::max());
  out.Signed(std::numeric_limits<int64_t>::min());
  numbers.Signed(std::numeric_limits<int64_t>::min());
  EXPECT_EQ(numbers.written(), expected);
}

TEST(Bytes, AReaderThatRanOutStaysFailedAndYieldsZero) {
  ByteReader in(
      "\x05"
      "ab");
  EXPECT_EQ(in.Bytes(), "");
  EXPECT_TRUE(in.failed());
  EXPECT_EQ(in.U8(), 0);
  EXPECT_EQ(in.Varint(), 0U);
}

TEST(Bytes, AVarintThatNeverEndsIsRefused) {
  ByteReader in("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
  in.Varint();
  EXPECT_TRUE(in.failed());
}

TEST(Bytes, ALengthBeyondTheEndTakesNothing) {
  std::string bytes;
  ByteWriter(&bytes).Varint(std::numeric_limits<uint64_t>::max());
  bytes += "rest";
  ByteReader in(bytes);
  EXPECT_EQ(in.Bytes(), "");
  EXPECT_TRUE(in.failed());
}

}  // namespace
}  // namespace treadle
