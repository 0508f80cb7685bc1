#include "store/sqlite/find_terms.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

TEST(FindTerms, AQueryAsksForTheTermsThatItsTasksHave) {
  const TaskBody body{.idempotency_key = "key", .tags = {"a tag"}};
  TaskQuery query{.tag = "a tag", .idempotency_key = "key", .payload_words = {"ADA"}};
  const std::string terms = " " + PlaceTerms(5, 6) + " " + BodyTerms(body, "Ada 1") + " ";
  const std::string asked = MatchExpression(query, 5, 6);
  size_t n = 0;
  for (size_t at = 0, end = 0; at < asked.size(); at = end + 2, ++n) {
    end = asked.find('"', at + 1);
    EXPECT_NE(terms.find(" " + asked.substr(at + 1, end - at - 1) + " "), std::string::npos);
  }
  EXPECT_EQ(n, 5u);
  EXPECT_EQ(MatchExpression({.queue = "q", .state = TaskState::kDead}, 5, 6), "");
  EXPECT_EQ(BodyTerms({.payload = "x"}, ""), "");
}

}  // namespace
}  // namespace treadle
