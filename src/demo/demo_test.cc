// The parts of the demo: what it reads, what it says, and how it checks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <stop_token>

#include "console/fake_server.h"
#include "demo/digest.h"
#include "demo/handlers.h"
#include "demo/job.h"
#include "demo/report.h"
#include "demo/verify.h"
#include "demo/walk.h"

namespace treadle::demo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class DemoTest : public ::testing::Test {
 protected:
  DemoTest() {
    std::string name = ::testing::TempDir() + "/treadle-demo-XXXXXX";
    root_ = ::mkdtemp(name.data());
  }
  ~DemoTest() override { std::filesystem::remove_all(root_); }

  std::string Write(const std::string& name, std::string_view text) {
    const std::string path = root_ + '/' + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  Outcomes Completed(const std::string& run, const std::vector<std::string>& paths) {
    Outcomes outcomes;
    for (const std::string& path : paths) {
      FileOutcome& outcome = outcomes.by_key[FileKey(run, path)];
      outcome.completed = true;
      outcome.digest = DigestFile(path).value();
    }
    return outcomes;
  }

  static constexpr WallTime kLongAgo{0};                                   // every file is newer
  static constexpr WallTime kFuture{std::numeric_limits<int64_t>::max()};  // no file is newer
  std::string root_;
};

TEST_F(DemoTest, DigestMatchesKnownValues) {
  const auto abc = DigestFile(Write("abc", "abc"));
  ASSERT_TRUE(abc.ok());
  EXPECT_EQ(ToHex(abc->sha256.view()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(abc->bytes, 3);
  EXPECT_EQ(abc->lines, 0);
  EXPECT_EQ(abc->words, 1);
  const auto text = DigestFile(Write("text", " a b\n\tc\v\fd\r\n\n"));
  EXPECT_EQ(text->lines, 3);
  EXPECT_EQ(text->words, 4);
  EXPECT_EQ(DigestFile(Write("empty", ""))->words, 0);
}

TEST_F(DemoTest, AWordAcrossTwoPiecesCountsOnce) {
  std::string big(300'000, 'x');
  big[10] = '\n';
  const auto digest = DigestFile(Write("big", big));
  EXPECT_EQ(digest->words, 2);
  EXPECT_EQ(digest->sha256, Sha256Of(big));
}

TEST_F(DemoTest, WhatIsNoReadableFileHasItsOwnCode) {
  const auto code = [](const std::string& path) {
    return DigestErrorCode(DigestFile(path).status());
  };
  const std::string file = Write("file", "x");
  ASSERT_EQ(::symlink(file.c_str(), (root_ + "/link").c_str()), 0);
  ASSERT_EQ(::mkfifo((root_ + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(code(root_ + "/none"), "file_missing");
  EXPECT_EQ(code(file + "/below"), "file_missing");
  EXPECT_EQ(code(root_), "not_a_file");
  EXPECT_EQ(code(root_ + "/link"), "not_a_file");
  EXPECT_EQ(code(root_ + "/pipe"), "not_a_file");
}

TEST_F(DemoTest, TheWalkIsSortedAndFollowsNoLinks) {
  std::filesystem::create_directories(root_ + "/b/c");
  Write("b/z", "1"), Write("b/c/y", "2"), Write("a", "3"), Write("b.txt", "4");
  std::filesystem::create_directory_symlink(root_ + "/b", root_ + "/loop");
  std::filesystem::create_symlink(root_ + "/a", root_ + "/alias");
  const auto walk = WalkFiles(root_);
  ASSERT_TRUE(walk.ok());
  EXPECT_THAT(walk->files,
              ElementsAre(root_ + "/a", root_ + "/b.txt", root_ + "/b/c/y", root_ + "/b/z"));
  EXPECT_EQ(WalkFiles(root_ + "/none").status().code(), Code::kNotFound);
  EXPECT_EQ(WalkFiles(root_ + "/a").status().code(), Code::kFailedPrecondition);
}

TEST_F(DemoTest, PathsOfAnyBytesTravelThroughPayloadAndKey) {
  const std::string odd = "/tmp/\xff\xfe\n\"x";
  EXPECT_EQ(ReadDigestPayload(DigestPayload("r", odd))->path, odd);
  EXPECT_EQ(ReadDigestPayload(DigestPayload("r", "/é \n"))->path, "/é \n");
  EXPECT_EQ(ReadScanPayload(ScanPayload("r", odd))->path, odd);
  EXPECT_EQ(FileKey("r", "/é"), "r:/é");
  EXPECT_THAT(FileKey("r", odd), HasSubstr("r:sha256:"));
  EXPECT_EQ(FileKey("r", std::string(4'000, 'x')).size(), 73U);
  EXPECT_FALSE(ReadDigestPayload("{}").ok());
  EXPECT_FALSE(ReadDigestPayload("nonsense").ok());
}

TEST_F(DemoTest, TheScanEnqueuesEachFileOnceByItsKey) {
  Write("a", "1"), Write("b\xff", "2");
  FakeServer server;
  server.Answer(
      "POST /v1/tasks/batch",
      {{201, R"({"tasks":[{"id":"1-2","duplicate":false},{"id":"1-3","duplicate":false}]})"}});
  const Handler scan = MakeScanHandler({.server = server.url()});
  Context context{std::stop_token()};
  const Outcome outcome = scan({.payload = ScanPayload("r", root_)}, context);
  ASSERT_TRUE(std::holds_alternative<treadle::Completed>(outcome));
  EXPECT_EQ(std::get<treadle::Completed>(outcome).result, R"({"run":"r","files":2})");
  ASSERT_THAT(server.requests(), SizeIs(1));
  const std::string body = server.requests()[0].body;
  EXPECT_THAT(body, HasSubstr("\"idempotency_key\":\"r:" + root_ + "/a\""));
  EXPECT_THAT(body, HasSubstr("\"path_hex\":\"" + ToHex(root_ + "/b\xff") + "\""));
  EXPECT_THAT(body, HasSubstr("\"max_attempts\":3"));
}

TEST_F(DemoTest, AVanishedFileFailsForGood) {
  Context context{std::stop_token()};
  const Outcome outcome =
      MakeDigestHandler()({.payload = DigestPayload("r", root_ + "/none")}, context);
  ASSERT_TRUE(std::holds_alternative<treadle::Failed>(outcome));
  EXPECT_EQ(std::get<treadle::Failed>(outcome).code, "file_missing");
  EXPECT_FALSE(std::get<treadle::Failed>(outcome).retry);
}

TEST_F(DemoTest, EqualWorkIsVerified) {
  const Outcomes outcomes = Completed("r", {Write("a", "one two\n"), Write("b", "3")});
  const auto check = Verify(root_, "r", outcomes, kFuture);
  ASSERT_TRUE(check.ok());
  EXPECT_TRUE(check->verified);
  EXPECT_EQ(check->direct.files, 2);
  EXPECT_EQ(check->direct.words, 3);
  EXPECT_EQ(check->job, check->direct);
}

TEST_F(DemoTest, AWrongDigestIsFound) {
  Outcomes outcomes = Completed("r", {Write("a", "1")});
  outcomes.by_key.begin()->second.digest.bytes += 1;
  const auto check = Verify(root_, "r", outcomes, kFuture);
  EXPECT_FALSE(check->verified);
  EXPECT_THAT(check->differing, ElementsAre(root_ + "/a"));
}

TEST_F(DemoTest, AFileThatChangedMeanwhileIsSetAside) {
  const Outcomes outcomes = Completed("r", {Write("a", "1"), Write("b", "2"), Write("c", "3")});
  Write("a", "changed");
  std::filesystem::remove(root_ + "/b");
  Write("new", "4");
  const auto check = Verify(root_, "r", outcomes, kLongAgo);
  EXPECT_TRUE(check->verified);
  EXPECT_EQ(check->changed, 3);
  EXPECT_EQ(check->direct.files, 1);
}

TEST_F(DemoTest, AFileWithoutAnOutcomeIsLost) {
  const Outcomes outcomes = Completed("r", {Write("a", "1")});
  Write("b", "2");
  auto check = Verify(root_, "r", outcomes, kFuture);
  EXPECT_FALSE(check->verified);
  EXPECT_THAT(check->lost, ElementsAre(root_ + "/b"));
  const Report report = MakeReport(2, "r", {}, outcomes, std::move(*check));
  EXPECT_EQ(report.lost, 1);
  EXPECT_FALSE(report.AllIsAccountedFor());
}

TEST_F(DemoTest, DeadFilesSpoilNothingAndAreShown) {
  Outcomes outcomes = Completed("r", {Write("a", "1")});
  FileOutcome& dead = outcomes.by_key[FileKey("r", root_ + "/gone")];
  dead.error = "file_missing: gone";
  dead.attempt = 1;
  const Report report = MakeReport(2, "r", {}, outcomes, *Verify(root_, "r", outcomes, kFuture));
  EXPECT_TRUE(report.AllIsAccountedFor());
  EXPECT_EQ(report.dead, 1);
  const Console console({}, {});
  EXPECT_THAT(ReportForPeople(report, console), HasSubstr("dead      file_missing: gone"));
}

TEST(PercentileTest, IsTheNearestRank) {
  EXPECT_EQ(Percentile({}, 50), 0);
  EXPECT_EQ(Percentile({7}, 99), 7);
  EXPECT_EQ(Percentile({15, 20, 35, 40, 50}, 5), 15);
  EXPECT_EQ(Percentile({15, 20, 35, 40, 50}, 30), 20);
  EXPECT_EQ(Percentile({15, 20, 35, 40, 50}, 40), 20);
  EXPECT_EQ(Percentile({15, 20, 35, 40, 50}, 50), 35);
  EXPECT_EQ(Percentile({15, 20, 35, 40, 50}, 100), 50);
}

TEST(ReportTest, LatenciesAreThoseOfThePacedTasks) {
  Outcomes outcomes;
  outcomes.by_key["r:/a"] = {.id = "1-2",
                             .completed = true,
                             .attempt = 1,
                             .enqueued = {1'000},
                             .started = {1'010},
                             .finished = {1'100}};
  outcomes.by_key["r:/b"] = {.id = "1-3",
                             .completed = true,
                             .attempt = 2,
                             .enqueued = {1'000},
                             .started = {9'000},
                             .finished = {2'000}};
  Report report = MakeReport(2, "r", WallTime{1'000}, outcomes, {.verified = true});
  EXPECT_EQ(report.p99_ms, 0);
  SetLatencies({10, 2, 3}, &report);
  EXPECT_EQ(report.retried, 1);
  EXPECT_EQ(report.p99_ms, 10);
  EXPECT_DOUBLE_EQ(report.tasks_per_s, 2.0);
  EXPECT_EQ(ReportAsJson(report),
            R"({"files":2,"bytes":0,"completed":2,"retried":1,"dead":0,"lost":0,"duplicates":0,)"
            R"("verified":true,"tasks_per_s":2.0,"p50_ms":3,"p95_ms":10,"p99_ms":10})");
}

}  // namespace
}  // namespace treadle::demo
