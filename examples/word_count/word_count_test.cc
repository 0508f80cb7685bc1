// How to test handlers: the whole pipeline in this process, without a server.

#include <gtest/gtest.h>
#include <treadle/testing.h>

#include "handlers.h"

namespace {

class WordCount : public ::testing::Test {
 protected:
  WordCount() {
    directory_ = std::filesystem::path(::testing::TempDir()) / "word_count";
    std::filesystem::create_directories(directory_ / "deeper");
    std::ofstream(directory_ / "a") << "The cat, the dog.";
    std::ofstream(directory_ / "deeper/b") << "the end";
    RegisterHandlers(worker_);
  }
  ~WordCount() override { std::filesystem::remove_all(directory_); }

  std::filesystem::path directory_;
  treadle::Worker worker_;
  treadle::testing::InProcess queue_{&worker_};
};

TEST_F(WordCount, EachFileBecomesATask) {
  const auto scan = queue_.Run({.type = "scan", .payload = treadle::ToJson(Scan{directory_})});
  ASSERT_EQ(scan.state, "completed") << scan.error_message;
  const auto scanned = treadle::FromJson<Scanned>(scan.result);
  ASSERT_EQ(scanned->tasks.size(), 2U);
  const auto first = treadle::FromJson<Counted>(queue_.Get(scanned->tasks[0])->result);
  EXPECT_EQ(first->words, 4);
  EXPECT_EQ(first->of_word.at("the"), 2);
}

// [test]
TEST_F(WordCount, AMissingFileIsNotTriedAgain) {
  const auto task = queue_.Run({.type = "count", .payload = R"({"file":"/nowhere"})"});
  EXPECT_EQ(task.state, "dead");
  EXPECT_EQ(task.attempt, 1);
  EXPECT_EQ(task.error_code, "file_missing");
}
// [test end]

}  // namespace
