// The commands that need no server: they look after data directories and backups.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/run.h"
#include "console/console.h"

namespace treadle::cli {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

// Nobody's token opens a file.
TEST(BackupFiles, AnUnreadableFileIsReportedWithoutAdviceAboutTokens) {
  const Status denied(Code::kPermissionDenied, "cannot open f.backup: Permission denied");
  const tools::DataTools tools{.check = [&](const std::string&) { return denied; },
                               .verify_backup = [&](const std::string&) { return denied; },
                               .restore_backup = [&](const std::string&, const std::string&,
                                                     const auto&) { return denied; }};
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"backup", "verify", "f.backup"},
        {"backup", "restore", "f.backup"},
        {"data", "check", "d"}}) {
    std::string err;
    Console console({.write = [](std::string_view) { return true; }},
                    {.write = [&](std::string_view t) { return err += t, true; }});
    EXPECT_EQ(RunCommand(words, console, {}, tools), ExitStatus::kPermission);
    EXPECT_EQ(err, "treadle: cannot open f.backup: Permission denied\n");
  }
}

class DataCheckTest : public ::testing::Test {
 protected:
  struct Said {
    ExitStatus status = ExitStatus::kOk;
    std::string out;
    std::string err;
  };

  Said Do(std::vector<std::string> words) {
    Said said;
    Console console(
        {.write = [&](std::string_view t) { return said.out += t, true; }},
        {.write = [&](std::string_view t) { return said.err += t, true; }, .is_terminal = true});
    words.insert(words.begin(), {"data", "check", "/data"});
    said.status = RunCommand(
        std::move(words), console, {},
        {.check = [&](const std::string&) -> Result<tools::DataReport> { return found_; },
         .repair = [&](const std::string&, const auto& say) -> Result<tools::RepairReport> {
           say("copying");
           return repaired_;
         }});
    return said;
  }

  tools::DataReport found_{
      .findings = {{.is_damage = true, .where = "journal", .what = "it is torn"}}};
  tools::RepairReport repaired_{.copy = "/data.before-repair-1"};
};

TEST_F(DataCheckTest, DamageIsFollowedByTheCommandThatRepairs) {
  const Said said = Do({});
  EXPECT_EQ(said.status, ExitStatus::kFailure);
  EXPECT_THAT(said.out, HasSubstr("it is torn"));
  EXPECT_THAT(said.err, HasSubstr("treadle data check /data --repair\n"));
  EXPECT_THAT(said.err, HasSubstr("backup"));
}

TEST_F(DataCheckTest, ARepairIsNotOfferedForWhatItWouldRefuse) {
  found_.is_not_understood = true;
  EXPECT_THAT(Do({}).err, Not(HasSubstr("--repair")));
}

TEST_F(DataCheckTest, ARepairReportsItsStepsLossesAndWhereTheCopyIs) {
  repaired_.steps = {{"journal", "started a new one"}};
  repaired_.losses = {{.where = "journal",
                       .what = "frames 7 to 9 are lost",
                       .first_frame = 7,
                       .last_frame = 9,
                       .tasks = 2,
                       .ids = {"1-3", "1-4"}}};
  repaired_.next_task = "1-99";
  const Said said = Do({"--repair", "--yes"});
  EXPECT_EQ(said.status, ExitStatus::kOk);
  EXPECT_THAT(said.out, ContainsRegex("repaired +journal +started a new one"));
  EXPECT_THAT(said.out, ContainsRegex("lost +journal +frames 7 to 9 are lost"));
  EXPECT_THAT(said.err, HasSubstr("/data.before-repair-1"));
  EXPECT_THAT(said.err, HasSubstr("IDs from 1-99 on"));
  EXPECT_EQ(Do({"--repair", "--yes", "-o", "json"}).out,
            R"({"repaired":true,"in_order":true,"sound":true,"copy":"/data.before-repair-1",)"
            R"("next_task":"1-99","steps":[{"severity":"repaired","where":"journal",)"
            R"("what":"started a new one"}],"lost":[{"severity":"lost","where":"journal",)"
            R"("what":"frames 7 to 9 are lost","first_frame":7,"last_frame":9,"tasks":2,)"
            R"("ids":["1-3","1-4"]}],"findings":[]})"
            "\n");
}

TEST_F(DataCheckTest, OneDamagedPayloadLeavesADirectoryInOrderAndOtherDamageDoesNot) {
  repaired_.after = {.findings = {{.is_damage = true, .where = "store", .is_one_payload = true}}};
  EXPECT_EQ(Do({"--repair", "--yes"}).status, ExitStatus::kOk);
  repaired_.after.findings[0].is_one_payload = false;
  EXPECT_EQ(Do({"--repair", "--yes"}).status, ExitStatus::kFailure);
}

}  // namespace
}  // namespace treadle::cli
