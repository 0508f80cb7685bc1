#include "console/pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/run.h"
#include "console/fake_server.h"

namespace treadle::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PagesTest : public ::testing::Test {
 protected:
  ExitStatus Ask(std::vector<std::string> words) {
    out_.clear();
    err_.clear();
    Console console({.write = [&](std::string_view text) { return out_ += text, true; }},
                    {.write = [&](std::string_view text) { return err_ += text, true; }});
    words.insert(words.begin(), {"--server", server_.url()});
    return RunCommand(words, console, {});
  }

  FakeServer server_;
  std::string out_;
  std::string err_;
};

constexpr char kFirst[] = R"({"queues":[{"name":"a","tasks":{"ready":1},"accepted":1,"policy":{},)"
                          R"("conditions":["paused","no_worker"]}],"next_cursor":"7"})";
constexpr char kLast[] =
    R"({"queues":[{"name":"b","tasks":{"ready":0},"accepted":1,"policy":{},"conditions":[]}]})";

TEST_F(PagesTest, AListOfQueuesHasAllPagesAndSaysInWhatStateEachIs) {
  server_.Answer("GET /v1/queues", {{200, kFirst}});
  server_.Answer("GET /v1/queues?cursor=7", {{200, kLast}});
  EXPECT_EQ(Ask({"queue", "list"}), ExitStatus::kOk);
  EXPECT_THAT(out_, HasSubstr("QUEUE  STATE"));
  EXPECT_THAT(out_, HasSubstr("a      paused, no worker"));
  EXPECT_THAT(out_, HasSubstr("b      ok"));
  EXPECT_EQ(Ask({"queue", "list", "-o", "json"}), ExitStatus::kOk);
  const Result<JsonDocument> json = ReadJson(out_);
  ASSERT_TRUE(json.ok()) << out_;
  EXPECT_EQ(json->root.Find("queues")->items.size(), 2U);
  EXPECT_EQ(out_, PrettyJson(json->root) + '\n');
}

TEST_F(PagesTest, AnEmptyListIsValidJson) {
  server_.Answer("GET /v1/types", {{200, R"({"types":[]})"}});
  EXPECT_EQ(Ask({"type", "list", "-o", "json"}), ExitStatus::kOk);
  EXPECT_EQ(out_, "{\n  \"types\": []\n}\n");
}

TEST_F(PagesTest, AServerThatRepeatsAPageEndsTheListWithAnError) {
  server_.Answer("GET /v1/queues", {{200, kFirst}});
  server_.Answer("GET /v1/queues?cursor=7", {{200, kFirst}});
  EXPECT_NE(Ask({"queue", "list"}), ExitStatus::kOk);
  EXPECT_THAT(err_, HasSubstr("the server repeated a page"));
  EXPECT_THAT(out_, IsEmpty());
}

TEST_F(PagesTest, TaskListsThatRepeatAPageEndWithAnError) {
  const std::string page = R"({"tasks":[],"next_cursor":"1-5","as_of":"t"})";
  server_.AnswerOthers([&](const FakeServer::Request&) { return FakeAnswer{200, page}; });
  EXPECT_NE(Ask({"task", "list", "--all"}), ExitStatus::kOk);
  EXPECT_THAT(err_, HasSubstr("the server repeated a page"));
  EXPECT_NE(Ask({"task", "errors"}), ExitStatus::kOk);
  EXPECT_THAT(err_, HasSubstr("the server repeated a page"));
}

TEST_F(PagesTest, AnAnswerThatIsNoListIsAnError) {
  for (const char* answer : {"{}", R"({"queues":7})", "[]"}) {
    server_.AnswerOthers([&](const FakeServer::Request&) { return FakeAnswer{200, answer}; });
    EXPECT_NE(Ask({"queue", "list"}), ExitStatus::kOk) << answer;
    EXPECT_THAT(err_, HasSubstr("unexpected response")) << answer;
  }
}

TEST_F(PagesTest, SettingAQueueSaysWhenItWasNotThereBefore) {
  const std::string queue = R"({"name":"emials","tasks":{},"accepted":0,"policy":{})";
  server_.Answer("PUT /v1/queues/emials",
                 {{200, queue + R"(,"created":true})"}, {200, queue + "}"}});
  EXPECT_EQ(Ask({"queue", "set", "emials", "lease=45s"}), ExitStatus::kOk);
  EXPECT_EQ(out_, "queue emials is set; this queue is new\n");
  EXPECT_EQ(Ask({"queue", "set", "emials", "lease=45s"}), ExitStatus::kOk);
  EXPECT_EQ(out_, "queue emials is set\n");
}

}  // namespace
}  // namespace treadle::cli
