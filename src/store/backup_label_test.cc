#include "store/backup_label.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

BackupLabel Example() {
  return {.frame = 12'345'678'901'234,
          .term = 7,
          .taken_at = {1'795'000'000'123},
          .store_bytes = uint64_t{1} << 40,
          .store_sha256 = Sha256Of("store")};
}

TEST(BackupLabel, IsReadAsItWasWritten) {
  const std::string text = EncodeBackupLabel(Example());
  EXPECT_EQ(text.size(), kBackupLabelBytes);
  const Result<BackupLabel> read = DecodeBackupLabel(text);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(*read, Example());
}

TEST(BackupLabel, AnyChangedByteInUseIsNoticed) {
  const std::string text = EncodeBackupLabel(Example());
  const size_t end = text.find_last_not_of('\n') + 1;
  for (size_t i = 0; i < end; ++i) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_EQ(DecodeBackupLabel(damaged).status().code(), Code::kDataLoss) << "byte " << i;
  }
}

TEST(BackupLabel, AnythingElseIsRefused) {
  const std::string text = EncodeBackupLabel(Example());
  for (const std::string& tail :
       {std::string(), text.substr(1), text + "\n", std::string(kBackupLabelBytes, '\0')})
    EXPECT_EQ(DecodeBackupLabel(tail).status().code(), Code::kDataLoss);
}

// Whatever follows the first line: the sum over it is all that this version must know of it.
TEST(BackupLabel, OneOfANewerTreadleIsRefusedAsSuch) {
  std::string text = "treadle-backup 2\nsomething else\n";
  const uint64_t sum = Xxh3(text);
  char hex[17];
  snprintf(hex, sizeof hex, "%016lx", static_cast<unsigned long>(sum));
  text += "label_xxh3 " + std::string(hex) + "\n";
  text.resize(kBackupLabelBytes, '\n');
  EXPECT_EQ(DecodeBackupLabel(text).status().code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace treadle
