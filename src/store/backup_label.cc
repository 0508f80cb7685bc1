#include "store/backup_label.h"

#include <charconv>
#include <optional>

#include "base/check.h"

namespace treadle {
namespace {

constexpr std::string_view kWord = "treadle-backup ";
constexpr uint32_t kVersion = 1;
constexpr std::string_view kSumKey = "label_xxh3 ";

void AddLine(std::string_view key, std::string_view value, std::string* text) {
  text->append(key).append(" ").append(value).append("\n");
}

std::string SumOf(std::string_view text) {
  const uint64_t sum = Xxh3(text);
  std::string big_endian;
  for (int shift = 56; shift >= 0; shift -= 8)
    big_endian.push_back(static_cast<char>(sum >> shift));
  return ToHex(big_endian);
}

/// The lines of a label, one after the other.
class LabelLines {
 public:
  explicit LabelLines(std::string_view text) : rest_(text) {}

  /// The value of the next line, whose key this must be; empty if it is not.
  std::string_view Value(std::string_view key) {
    if (!rest_.starts_with(key) || rest_.substr(key.size(), 1) != " ") return {};
    const size_t end = rest_.find('\n');
    if (end == std::string_view::npos) return {};
    const std::string_view value = rest_.substr(key.size() + 1, end - key.size() - 1);
    rest_.remove_prefix(end + 1);
    return value;
  }
  template <class T>
  std::optional<T> Number(std::string_view key) {
    const std::string_view text = Value(key);
    T value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
    return value;
  }

 private:
  std::string_view rest_;
};

Status DamagedLabel() {
  return {Code::kDataLoss, "it is not a Treadle backup, or it is damaged or unfinished"};
}

// DATA_LOSS unless the text is whole, up to its own checksum.
Result<std::string_view> WholeText(std::string_view tail) {
  const size_t at = tail.rfind(kSumKey);
  if (tail.size() != kBackupLabelBytes || at == std::string_view::npos || at == 0 ||
      tail[at - 1] != '\n')
    return DamagedLabel();
  std::string_view sum = tail.substr(at + kSumKey.size());
  sum = sum.substr(0, sum.find('\n'));
  if (sum != SumOf(tail.substr(0, at))) return DamagedLabel();
  return tail.substr(0, at);
}

}  // namespace

std::string EncodeBackupLabel(const BackupLabel& label) {
  std::string text = std::string(kWord) + std::to_string(kVersion) + "\n";
  AddLine("frame", std::to_string(label.frame), &text);
  AddLine("term", std::to_string(label.term), &text);
  AddLine("taken_at_ms", std::to_string(label.taken_at.ms), &text);
  AddLine("taken_at", FormatWallTime(label.taken_at), &text);
  AddLine("store_bytes", std::to_string(label.store_bytes), &text);
  AddLine("store_sha256", ToHex(label.store_sha256.view()), &text);
  text += std::string(kSumKey) + SumOf(text) + "\n";
  TREADLE_CHECK(text.size() < kBackupLabelBytes);
  text.resize(kBackupLabelBytes, '\n');
  return text;
}

Result<BackupLabel> DecodeBackupLabel(std::string_view tail) {
  TREADLE_ASSIGN_OR_RETURN(const std::string_view text, WholeText(tail));
  LabelLines lines(text);
  const std::optional<uint32_t> version = lines.Number<uint32_t>(kWord.substr(0, kWord.size() - 1));
  if (!version || *version == 0) return DamagedLabel();
  if (*version > kVersion)
    return Status(Code::kFailedPrecondition,
                  "a newer Treadle made it (format " + std::to_string(*version) +
                      "; this version supports " + std::to_string(kVersion) +
                      "); use the newer version");
  const auto frame = lines.Number<uint64_t>("frame");
  const auto term = lines.Number<uint32_t>("term");
  const auto taken_at = lines.Number<int64_t>("taken_at_ms");
  (void)lines.Value("taken_at");  // the same for people
  const auto bytes = lines.Number<uint64_t>("store_bytes");
  const auto raw = FromHex(lines.Value("store_sha256"));
  const auto digest = raw ? Sha256FromRaw(*raw) : std::nullopt;
  if (!frame || !term || !taken_at || !bytes || !digest) return DamagedLabel();
  return BackupLabel{.frame = *frame,
                     .term = *term,
                     .taken_at = {*taken_at},
                     .store_bytes = *bytes,
                     .store_sha256 = *digest};
}

Result<BackupLabel> ReadBackupLabel(File* file) {
  TREADLE_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  std::string tail(kBackupLabelBytes, '\0');
  if (size < tail.size()) return DamagedLabel();
  TREADLE_ASSIGN_OR_RETURN(const size_t read,
                           file->Read(size - tail.size(), tail.data(), tail.size()));
  tail.resize(read);
  TREADLE_ASSIGN_OR_RETURN(const BackupLabel label, DecodeBackupLabel(tail));
  if (label.store_bytes == size - kBackupLabelBytes) return label;
  return Status(Code::kDataLoss, "it is damaged: it has " + std::to_string(size) +
                                     " bytes, but its label names another length");
}

}  // namespace treadle
