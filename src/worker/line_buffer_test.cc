#include "worker/line_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace treadle::worker {
namespace {

void Fill(LineBuffer* buffer, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::span<char> room = buffer->Room();
    const size_t size = std::min(room.size(), bytes.size());
    std::copy_n(bytes.begin(), size, room.begin());
    buffer->Filled(size);
    bytes.remove_prefix(size);
  }
}

TEST(LineBuffer, BytesBecomeLinesHoweverTheyCome) {
  LineBuffer buffer(10);
  std::string_view line;
  EXPECT_FALSE(buffer.Next(&line));
  Fill(&buffer, "a");
  EXPECT_FALSE(buffer.Next(&line));
  Fill(&buffer, "b\n\nc\r\nd");
  for (const char* expected : {"ab", "", "c"}) {
    ASSERT_TRUE(buffer.Next(&line));
    EXPECT_EQ(line, expected);
  }
  EXPECT_FALSE(buffer.Next(&line));
  EXPECT_FALSE(buffer.IsEmpty());
  Fill(&buffer, "\n");
  ASSERT_TRUE(buffer.Next(&line));
  EXPECT_EQ(line, "d");
  EXPECT_TRUE(buffer.IsEmpty());
}

TEST(LineBuffer, ALineBeyondTheLimitIsNotTaken) {
  LineBuffer buffer(3);
  std::string_view line;
  Fill(&buffer, "abc\r\nabcd\n");
  ASSERT_TRUE(buffer.Next(&line));
  EXPECT_EQ(line, "abc");
  EXPECT_FALSE(buffer.Next(&line));
  EXPECT_TRUE(buffer.IsTooLong());
  LineBuffer without_end(3);
  Fill(&without_end, "abcd");
  EXPECT_FALSE(without_end.IsTooLong()) << "the end may be a carriage return";
  Fill(&without_end, "e");
  EXPECT_TRUE(without_end.IsTooLong());
}

TEST(LineBuffer, ManyLongLinesNeedTheRoomOfOne) {
  LineBuffer buffer(1 << 20);
  const std::string text(100'000, 'x');
  std::string_view line;
  for (int i = 0; i < 100; ++i) {
    Fill(&buffer, text + "\n" + text.substr(0, 10));
    ASSERT_TRUE(buffer.Next(&line));
    ASSERT_EQ(line.size(), text.size() + (i == 0 ? 0 : 10));
    ASSERT_LT(buffer.Room().size(), size_t{1} << 20);
  }
}

}  // namespace
}  // namespace treadle::worker
