#include "base/ids.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

TEST(Ids, TextAndIdAreTheSameThing) {
  const TaskId id = TaskId::Of(1, 42);
  EXPECT_EQ(id.ToString(), "1-42");
  EXPECT_EQ(TaskId::Parse("1-42"), id);
  EXPECT_EQ(TaskId::Parse("65535-281474976710655"), TaskId::Of(65'535, TaskId::kMaxSequence));
  const Token token{id, 3, 7};
  EXPECT_EQ(token.ToString(), "1-42.3.7");
  EXPECT_EQ(Token::Parse("1-42.3.7"), token);
}

TEST(Ids, IdsOfOneShardSortByAge) { EXPECT_LT(TaskId::Of(1, 9), TaskId::Of(1, 10)); }

TEST(Ids, NothingElseIsAnId) {
  for (const char* bad :
       {"", "1", "1-", "-1", "0-1", "1-0", "01-1", "1-01", "1-1 ", " 1-1", "1-1x", "+1-1",
        "65536-1", "1-281474976710656", "1-99999999999999999999999", "a-b"})
    EXPECT_FALSE(TaskId::Parse(bad)) << bad;
}

TEST(Ids, NothingElseIsAToken) {
  for (const char* bad : {"", "1-42", "1-42.1", "1-42.1.", "1-42.0.1", "1-42.1.0", "1-42.1.1.1",
                          "1-42.01.1", "1-42.4294967296.1", "1-42.1.-1"})
    EXPECT_FALSE(Token::Parse(bad)) << bad;
}

}  // namespace
}  // namespace treadle
