#include "http/read_buffer.h"

#include <gtest/gtest.h>

namespace treadle::http {
namespace {

void Read(ReadBuffer* buffer, std::string_view bytes) {
  ASSERT_GE(buffer->Space(bytes.size()), bytes.size());
  std::memcpy(buffer->SpaceBegin(), bytes.data(), bytes.size());
  buffer->Commit(bytes.size());
}

TEST(ReadBuffer, KeepsWhatIsNotConsumed) {
  ReadBuffer buffer;
  Read(&buffer, "hello");
  buffer.Consume(2);
  Read(&buffer, ", world");
  EXPECT_EQ(buffer.view(), "llo, world");
  buffer.Consume(10);
  EXPECT_EQ(buffer.size(), 0u);
  buffer.Shrink(0);
  Read(&buffer, "again");
  EXPECT_EQ(buffer.view(), "again");
}

TEST(ReadBuffer, AReadInProgressKeepsItsPlaceWhenTheBufferIsEmptied) {
  ReadBuffer buffer;
  Read(&buffer, "first");
  buffer.Space(6);
  std::memcpy(buffer.SpaceBegin(), "second", 6);
  buffer.Consume(5);
  buffer.Commit(6);
  EXPECT_EQ(buffer.view(), "second");
}

}  // namespace
}  // namespace treadle::http
