#include "store/sqlite/sqlite.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

namespace treadle {
namespace {

std::unique_ptr<Connection> InMemory() {
  auto db = Connection::Open(":memory:", "");
  TREADLE_CHECK(db.ok());
  TREADLE_CHECK((*db)->Execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b)").ok());
  return std::move(db).value();
}

TEST(Sqlite, ValuesOfEveryKindComeBack) {
  const auto db = InMemory();
  Statement insert(db.get(), "INSERT INTO t VALUES (?1, ?2)");
  ASSERT_TRUE(insert.Run(1, UINT64_MAX).ok());
  ASSERT_TRUE(insert.Run(2, std::string_view("text")).ok());
  ASSERT_TRUE(insert.Run(3, Blob{std::string_view("\0\xff", 2)}).ok());
  ASSERT_TRUE(insert.Run(4, std::optional<std::string_view>()).ok());
  ASSERT_TRUE(insert.Run(5, std::string_view()).ok());
  Statement select(db.get(), "SELECT b, typeof(b) FROM t ORDER BY a");
  Rows rows = select.Query();
  ASSERT_TRUE(rows.Next());
  EXPECT_EQ(rows.As<uint64_t>(0), UINT64_MAX);
  ASSERT_TRUE(rows.Next());
  EXPECT_EQ(rows.Bytes(0), "text");
  ASSERT_TRUE(rows.Next());
  EXPECT_EQ(rows.String(0), std::string("\0\xff", 2));
  EXPECT_EQ(rows.Bytes(1), "blob");
  ASSERT_TRUE(rows.Next());
  EXPECT_TRUE(rows.IsNull(0));
  ASSERT_TRUE(rows.Next());
  EXPECT_FALSE(rows.IsNull(0));  // empty is not absent
  EXPECT_EQ(rows.Bytes(0), "");
  EXPECT_FALSE(rows.Next());
  EXPECT_TRUE(rows.status().ok());
}

TEST(Sqlite, ARepeatedStatementUsesItsCurrentValues) {
  const auto db = InMemory();
  Statement kind(db.get(), "SELECT typeof(?1) || ' ' || ifnull(?1, '')");
  const auto ask = [&](const auto& value) {
    Rows rows = kind.Query(value);
    return rows.Next() ? rows.String(0) : "";
  };
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(ask(nullptr), "null ");
    EXPECT_EQ(ask(0), "integer 0");
    EXPECT_EQ(ask(0), "integer 0");
    EXPECT_EQ(ask(std::string_view("0")), "text 0");
    EXPECT_EQ(ask(0), "integer 0");
    EXPECT_EQ(ask(7), "integer 7");
    EXPECT_EQ(ask(std::optional<int>()), "null ");
    EXPECT_EQ(ask(std::string_view("a")), "text a");
    EXPECT_EQ(ask(std::string_view("b")), "text b");
    EXPECT_EQ(ask(nullptr), "null ");
    EXPECT_EQ(ask(Blob{"x"}), "blob x");
  }
}

TEST(Sqlite, ValuesCanBeBoundPieceByPiece) {
  const auto db = InMemory();
  Statement insert(db.get(), "INSERT INTO t VALUES (?, ?), (?, ?)");
  ASSERT_TRUE(insert.BindFrom(3, 2, std::string_view("two")).ok());
  ASSERT_TRUE(insert.BindFrom(1, 1, std::string_view("one")).ok());
  ASSERT_TRUE(insert.RunBound().ok());
  EXPECT_EQ(db->changes(), 2);
  Statement select(db.get(), "SELECT group_concat(a || b) FROM t");
  Rows rows = select.Query();
  ASSERT_TRUE(rows.Next());
  EXPECT_EQ(rows.Bytes(0), "1one,2two");
}

TEST(Sqlite, AStatementCanRunAgainAfterItFailed) {
  const auto db = InMemory();
  Statement insert(db.get(), "INSERT INTO t VALUES (?1, 0)");
  ASSERT_TRUE(insert.Run(1).ok());
  const Status twice = insert.Run(1);
  EXPECT_EQ(twice.code(), Code::kUnavailable);
  EXPECT_NE(twice.message().find("UNIQUE"), std::string::npos) << twice.message();
  EXPECT_TRUE(insert.Run(2).ok());
}

TEST(Sqlite, AnInvalidStatementReturnsAnError) {
  const auto db = InMemory();
  Statement statement(db.get(), "SELECT a FROM nowhere");
  Rows rows = statement.Query();
  EXPECT_FALSE(rows.Next());
  EXPECT_NE(rows.status().message().find("nowhere"), std::string::npos) << rows.status().message();
}

TEST(Sqlite, ATransactionThatIsNotCommittedLeavesNothing) {
  const auto db = InMemory();
  {
    Transaction transaction(db.get());
    ASSERT_TRUE(transaction.Begin(Transaction::Kind::kWrite).ok());
    ASSERT_TRUE(db->Execute("INSERT INTO t VALUES (1, 1)").ok());
  }
  EXPECT_FALSE(db->in_transaction());
  Statement select(db.get(), "SELECT * FROM t");
  EXPECT_FALSE(select.Query().Next());
}

TEST(Sqlite, AFullFileIsResourceExhausted) {
  const auto db = InMemory();
  Statement limit(db.get(), "PRAGMA max_page_count = 3");
  ASSERT_TRUE(limit.Query().Next());
  Statement insert(db.get(), "INSERT INTO t VALUES (1, zeroblob(100000))");
  EXPECT_EQ(insert.Run().code(), Code::kResourceExhausted);
}

// As a quota does, it gives another number than a full disk.
TEST(Sqlite, ALimitForTheSizeOfFilesIsAFullDiskToSqliteItself) {
  SetUpSqlite();
  const std::filesystem::path directory =
      std::filesystem::temp_directory_path() / ("treadle_sqlite_test_" + std::to_string(getpid()));
  std::filesystem::create_directory(directory);
  auto db = Connection::Open(directory / "db", "");
  ASSERT_TRUE(db.ok());
  ASSERT_TRUE((*db)->Execute("PRAGMA journal_mode = WAL; CREATE TABLE t (a)").ok());
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit narrow{.rlim_cur = 1 << 20, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &narrow), 0);
  const Status status = (*db)->Execute("INSERT INTO t VALUES (zeroblob(8000000))");
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(status.code(), Code::kResourceExhausted) << status.message();
  EXPECT_EQ(sqlite3_errcode((*db)->handle()), SQLITE_FULL) << status.message();
  db->reset();
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace treadle
