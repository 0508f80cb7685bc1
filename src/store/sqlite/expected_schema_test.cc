#include "store/sqlite/expected_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "store/sqlite/sqlite_store.h"

namespace treadle {
namespace {

using testing::HasSubstr;

class ExpectedSchema : public testing::Test {
 protected:
  ExpectedSchema() {
    const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = std::filesystem::temp_directory_path() /
                 ("expected-schema-" + std::to_string(getpid()) + "-" + test->name());
    std::filesystem::create_directories(directory_);
    path_ = directory_ / "store.db";
    EXPECT_TRUE(Open().ok());
  }
  ~ExpectedSchema() override { std::filesystem::remove_all(directory_); }

  Result<std::unique_ptr<SqliteStore>> Open() { return SqliteStore::Open({path_, 1, ""}); }

  // Runs `sql` as another program would.
  void Edit(const std::string& sql) {
    const auto db = *Connection::Open(path_, "");
    const Status status = db->Execute(sql);
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
  std::string Refusal() {
    const auto opened = Open();
    EXPECT_EQ(opened.status().code(), Code::kFailedPrecondition);
    return opened.status().message();
  }

  std::filesystem::path directory_;
  std::string path_;
};

TEST_F(ExpectedSchema, DefinitionsThatTreadleDidNotCreateAreRefusedByName) {
  const std::pair<const char*, const char*> cases[] = {
      {"TRIGGER", "ON live BEGIN DELETE FROM live; END"},
      {"VIEW", "AS SELECT 1"},
      {"INDEX", "ON queue (paused)"},
      {"TABLE", "(a)"},
  };
  for (const auto& [kind, rest] : cases) {
    const std::string when = std::string(kind) == "TRIGGER" ? " AFTER INSERT " : " ";
    Edit(std::string("CREATE ") + kind + " intruder" + when + rest);
    EXPECT_THAT(Refusal(), HasSubstr("\"intruder\", which Treadle did not create")) << kind;
    Edit(std::string("DROP ") + kind + " intruder");
    EXPECT_TRUE(Open().ok()) << kind;
  }
}

TEST_F(ExpectedSchema, AChangedOrMissingDefinitionIsRefused) {
  Edit("DROP INDEX done_lane; CREATE INDEX done_lane ON done (queue, type)");
  EXPECT_THAT(Refusal(), HasSubstr("index \"done_lane\" is not the one"));
  Edit("DROP INDEX done_lane");
  EXPECT_THAT(Refusal(), HasSubstr("index \"done_lane\" is missing"));
}

TEST_F(ExpectedSchema, StatisticsAndOtherViewsForPeopleAreFine) {
  Edit("ANALYZE");
  EXPECT_TRUE(Open().ok());
  Edit("DROP VIEW tasks");
  EXPECT_TRUE(Open().ok());
}

TEST_F(ExpectedSchema, ATriggerThatComesWhileTheStoreIsOpenDoesNothing) {
  const auto store = *Open();
  const auto db = *Connection::Open(path_, "");
  ASSERT_TRUE(
      db->Execute("CREATE TRIGGER t AFTER INSERT ON queue BEGIN DELETE FROM queue; END").ok());
  ASSERT_TRUE(db->Execute("INSERT INTO queue VALUES (9, 'q', x'', 0, 1, 1, 1, 0)").ok());
  Statement count(db.get(), "SELECT count(*) FROM queue WHERE id = 9");
  Rows rows = count.Query();
  ASSERT_TRUE(rows.Next());
  EXPECT_EQ(rows.Int(0), 1);
}

}  // namespace
}  // namespace treadle
