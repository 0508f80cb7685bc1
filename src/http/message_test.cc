#include "http/message.h"

#include <gtest/gtest.h>

namespace treadle::http {
namespace {

TEST(Message, HeadersAreFoundInAnyCaseAndTheFirstOneCounts) {
  RequestHeaders headers;
  headers.Add("Content-Type", "text/plain");
  headers.Add("X-A", "1");
  headers.Add("x-a", "2");
  EXPECT_EQ(headers.Get("content-TYPE"), "text/plain");
  EXPECT_EQ(headers.Get("X-A"), "1");
  EXPECT_EQ(headers.Count("x-A"), 2u);
  EXPECT_EQ(headers.Get("X-B"), "");
  headers.Set("X-A", "3");
  EXPECT_EQ(headers.Get("x-a"), "3");
  EXPECT_EQ(headers.Count("x-a"), 1u);
}

TEST(Message, TargetFallsIntoPathAndQuery) {
  const Request with{.target = "/a%20b?x=1?2"};
  EXPECT_EQ(with.path(), "/a%20b");
  EXPECT_EQ(with.query(), "x=1?2");
  const Request without{.target = "/a"};
  EXPECT_EQ(without.path(), "/a");
  EXPECT_EQ(without.query(), "");
}

TEST(Message, MethodNamesAreExact) {
  EXPECT_EQ(MethodFromName("DELETE"), Method::kDelete);
  EXPECT_EQ(MethodFromName("delete"), Method::kOther);
  EXPECT_EQ(MethodFromName("OTHER"), Method::kOther);
  EXPECT_EQ(MethodName(Method::kPatch), "PATCH");
}

TEST(Message, QueryIsDecoded) {
  const auto query = ParseQuery("a=1&b=x%20y+z&flag&&%63=%26");
  ASSERT_TRUE(query.ok());
  EXPECT_EQ(*query, (QueryParameters{{"a", "1"}, {"b", "x y z"}, {"c", "&"}, {"flag", ""}}));
  EXPECT_TRUE(ParseQuery("").value().empty());
}

TEST(Message, QueryWithTheSameNameTwiceIsRefused) {
  EXPECT_EQ(ParseQuery("a=1&%61=2").status().code(), Code::kInvalidArgument);
}

TEST(Message, BrokenPercentEncodingIsRefused) {
  for (const char* text : {"%", "%4", "%zz", "a%4g"}) {
    EXPECT_FALSE(PercentDecode(text, false)) << text;
    EXPECT_FALSE(ParseQuery(std::string("x=") + text).ok()) << text;
  }
  EXPECT_EQ(PercentDecode("a+%2fB%2F", false), "a+/B/");
}

}  // namespace
}  // namespace treadle::http
