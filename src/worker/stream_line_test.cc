#include "worker/stream_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace treadle::worker {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

template <class What>
What Parsed(std::string_view line) {
  const Result<StreamLine> read = ParseStreamLine(line);
  EXPECT_TRUE(read.ok()) << line << ": " << read.status().message();
  return std::get<What>(read->what);
}

template <class Ending>
Ending Ended(std::string_view line) {
  return std::get<Ending>(Parsed<stream::End>(line).outcome);
}

std::string Refusal(std::string_view line) {
  const Result<StreamLine> read = ParseStreamLine(line);
  EXPECT_FALSE(read.ok()) << line;
  return read.ok() ? "" : read.status().message();
}

Task SomeTask(std::string payload, std::string content_type = "application/json") {
  return {.id = "1-5",
          .type = "t",
          .queue = "q",
          .attempt = 2,
          .max_attempts = 20,
          .payload = std::move(payload),
          .content_type = std::move(content_type)};
}

TEST(StreamLine, ATaskIsOneLineWhateverItsPayloadIs) {
  EXPECT_EQ(StreamTask(SomeTask("{\n\t\"a\": [1,\r\n 2]}"), std::nullopt, {}),
            "{\"task\":\"1-5\",\"type\":\"t\",\"queue\":\"q\",\"attempt\":2,\"max_attempts\":20,"
            "\"payload\":{ \t\"a\": [1,   2]},\"content_type\":\"application/json\"}\n");
  EXPECT_EQ(StreamTask(SomeTask("a\nb", "text/plain"), std::nullopt, {}),
            "{\"task\":\"1-5\",\"type\":\"t\",\"queue\":\"q\",\"attempt\":2,\"max_attempts\":20,"
            "\"payload_base64\":\"YQpi\",\"content_type\":\"text/plain\"}\n");
}

TEST(StreamLine, ATaskHasWhatAppliesToIt) {
  Task task = SomeTask("null");
  task.enqueued_at_ms = 1'795'467'181'250;
  task.deadline_at_ms = 1'795'467'181'250;
  task.contract_version = 3;
  task.sensitive = true;
  task.traceparent = "00-1";
  const StreamSaved saved{
      .steps = {{"a", {"[1,\n2]", "application/json"}}, {"b", {"\x01", "image/x"}}},
      .checkpoint = Bytes{"7", "application/json"}};
  EXPECT_EQ(StreamTask(task, milliseconds(-1), saved),
            "{\"task\":\"1-5\",\"type\":\"t\",\"queue\":\"q\",\"attempt\":2,\"max_attempts\":20,"
            "\"enqueued_at\":\"2026-11-23T20:53:01.250Z\",\"timeout_ms\":0,"
            "\"deadline\":\"2026-11-23T20:53:01.250Z\",\"contract_version\":3,\"sensitive\":true,"
            "\"traceparent\":\"00-1\","
            "\"payload\":null,\"content_type\":\"application/json\","
            "\"steps\":[{\"name\":\"a\",\"result\":[1, 2]},"
            "{\"name\":\"b\",\"result_base64\":\"AQ==\",\"content_type\":\"image/x\"}],"
            "\"checkpoint\":{\"data\":7}}\n");
}

TEST(StreamLine, TheFirstLineAndTheAnswersAreFixed) {
  EXPECT_EQ(StreamHello("mail.send"), "{\"stream\":1,\"type\":\"mail.send\"}\n");
  EXPECT_EQ(StreamAnswer({}), "{\"saved\":true}\n");
  EXPECT_EQ(StreamAnswer({Code::kLeaseLost, "gone"}),
            "{\"saved\":false,\"error\":{\"code\":\"LEASE_LOST\",\"message\":\"gone\"}}\n");
}

TEST(StreamLine, EveryKindIsRead) {
  EXPECT_EQ(Parsed<stream::Ready>(R"({"ready":1})").version, 1);
  EXPECT_EQ(Parsed<stream::Log>(R"({"log":"a\nb"})").text, "a\nb");
  const auto progress = Parsed<stream::Progress>(R"({"progress":{"fraction":1,"message":"m"}})");
  EXPECT_EQ(progress.fraction, 1);
  EXPECT_EQ(progress.message, "m");
  const auto step = Parsed<stream::Step>(R"({"step":{"name":"s","result": {"a" : 1} }})");
  EXPECT_EQ(step.name, "s");
  EXPECT_EQ(step.result.data, R"({"a" : 1})");
  EXPECT_EQ(step.result.content_type, "application/json");
  const auto checkpoint = Parsed<stream::Checkpoint>(R"({"checkpoint":{"data_base64":"AQI="}})");
  EXPECT_EQ(checkpoint.data.data, "\x01\x02");
  EXPECT_EQ(checkpoint.data.content_type, "application/octet-stream");
}

TEST(StreamLine, EveryOutcomeIsRead) {
  EXPECT_EQ(Ended<Completed>(R"( {"result" : 1.50} )").result, "1.50") << "as it was written";
  EXPECT_EQ(Ended<Completed>(R"({"result":null})").content_type, "application/json");
  const auto bytes = Ended<Completed>(R"({"content_type":"a/b","result_base64":""})");
  EXPECT_EQ(bytes.result + bytes.content_type, "a/b");
  const auto failed =
      Ended<Failed>(R"({"failed":{"code":"c","message":"m","retry":false,"delay_ms":5}})");
  EXPECT_EQ(failed.code + failed.message, "cm");
  EXPECT_FALSE(failed.retry);
  EXPECT_EQ(failed.retry_after, milliseconds(5));
  EXPECT_TRUE(Ended<Failed>(R"({"failed":{"code":"c"}})").retry);
  EXPECT_EQ(Ended<Snoozed>(R"({"snoozed":{"delay_ms":60000}})").delay, milliseconds(60'000));
  EXPECT_EQ(Ended<Discarded>(R"({"discarded":{"message":"m"}})").reason, "m");
  EXPECT_EQ(Ended<Discarded>(R"({"discarded":{}})").code, "discarded");
  (void)Ended<Released>(R"({"released":true})");
}

TEST(StreamLine, ALineMayNameItsTask) {
  EXPECT_EQ(ParseStreamLine(R"({"task":"1-5","result":1})")->task, "1-5");
  EXPECT_EQ(ParseStreamLine(R"({"result":1})")->task, "");
}

TEST(StreamLine, WhatIsWrongIsNamed) {
  const std::pair<std::string_view, std::string_view> lines[] = {
      {"", "it is not JSON"},
      {"hello", "it is not JSON"},
      {R"({"result":1}{"result":2})", "it is not JSON"},
      {"{\"log\":\"\xff\"}", "it is not JSON"},
      {"[]", "it is not a JSON object"},
      {"17", "it is not a JSON object"},
      {"{}", "it has no field that says what it is"},
      {R"({"task":"1-5"})", "it has no field that says what it is"},
      {R"({"task":"","result":1})", R"("task" must not be empty)"},
      {R"({"resul":1})", R"(unknown field "resul")"},
      {R"({"result":1,"log":"x"})", R"(it has both "result" and "log")"},
      {R"({"log":"x","log":"y"})", R"("log" appears twice)"},
      {R"({"result":1,"result_base64":"AA=="})", R"("result" appears twice)"},
      {R"({"result":1,"content_type":"a/b"})", R"("content_type" goes with "result_base64" only)"},
      {R"({"log":"x","content_type":"a/b"})", R"("content_type" goes with "result_base64" only)"},
      {R"({"result_base64":"A"})", R"("result_base64" must be base64 with padding)"},
      {R"({"log":1})", R"("log" must be a string)"},
      {R"({"ready":"1"})", R"("ready" must be a whole number)"},
      {R"({"released":false})", R"("released" must be true)"},
      {R"({"progress":0.5})", R"("progress" must be an object)"},
      {R"({"progress":{"fraction":1.5}})", R"("progress" needs a "fraction" from 0 to 1)"},
      {R"({"progress":{"message":"x"}})", R"("progress" needs a "fraction" from 0 to 1)"},
      {R"({"step":{"result":1}})", R"("step" needs a "name")"},
      {R"({"step":{"name":"s"}})", R"(it needs either "result" or "result_base64")"},
      {R"({"step":{"name":"s","name":"s","result":1}})", R"("name" appears twice)"},
      {R"({"checkpoint":{"page":1}})", R"("checkpoint" has no field "page")"},
      {R"({"failed":{"message":"m"}})", R"("failed" needs a "code")"},
      {R"({"failed":{"code":"c","retry":1}})", R"("retry" must be true or false)"},
      {R"({"failed":{"code":"c","delay_ms":-1}})", R"("delay_ms" must be from 0 to 315360000000)"},
      {R"({"snoozed":"5m"})", R"("snoozed" must be an object)"},
      {R"({"snoozed":{}})", R"("snoozed" needs a "delay_ms")"},
      {R"({"snoozed":{"delay_ms":315360000001}})", R"("delay_ms" must be from 0 to)"},
      {R"({"snoozed":{"delay_ms":1.5}})", R"("delay_ms" must be a whole number)"}};
  for (const auto& [line, why] : lines) EXPECT_THAT(Refusal(line), HasSubstr(why)) << line;
}

TEST(StreamLine, WhatIsQuotedIsShortAndPrintable) {
  EXPECT_EQ(Refusal(R"({"\u001b[2J":1})"), R"(unknown field "\x1b[2J")");
  EXPECT_LT(Refusal("{\"" + std::string(100'000, 'x') + "\":1}").size(), 100u);
}

TEST(StreamLine, ALineAfterAVeryLongOneIsReadAsAnyOther) {
  const std::string text(2'000'000, 'x');
  EXPECT_EQ(Parsed<stream::Log>("{\"log\":\"" + text + "\"}").text, text);
  EXPECT_EQ(Parsed<stream::Log>(R"({"log":"short"})").text, "short");
}

}  // namespace
}  // namespace treadle::worker
