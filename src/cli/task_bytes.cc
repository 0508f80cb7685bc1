#include "cli/task_bytes.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"
#include "base/utf8.h"

namespace treadle::cli {
namespace {

constexpr size_t kShownBytes = 1024;

bool IsText(std::string_view bytes) {
  return IsUtf8(bytes) && bytes.find('\0') == std::string_view::npos;
}

// Between two characters.
std::string_view Beginning(std::string_view text) {
  size_t end = std::min(text.size(), kShownBytes);
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

std::vector<std::string> TextOfBytes(std::string_view bytes, std::string_view content_type,
                                     std::string_view command) {
  const std::string size = SizeInWords(bytes.size());
  if (bytes.empty()) return {"(empty)"};
  if (!IsText(bytes)) {
    return {fmt::format("({} of {}; all of it: {} > FILE)", size,
                        content_type.empty() ? "bytes" : content_type, command)};
  }
  std::string_view rest = Beginning(bytes);
  const bool is_cut = rest.size() < bytes.size();
  if (!is_cut && rest.ends_with('\n')) rest.remove_suffix(1);
  std::vector<std::string> lines;
  while (true) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    if (end == rest.size()) break;
    rest.remove_prefix(end + 1);
  }
  if (is_cut) lines.push_back(fmt::format("… ({}; all of it: {})", size, command));
  return lines;
}

}  // namespace treadle::cli
