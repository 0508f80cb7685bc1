#include "client/json_grammar.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace treadle::wire {
namespace {

class Grammar {
 public:
  Grammar(std::string_view text, int depth_max) : rest_(text), depth_max_(depth_max) {}

  bool IsText() {
    SkipSpace();
    if (!Value(1)) return false;
    SkipSpace();
    return rest_.empty();
  }
  /// Where the value is that IsText() failed at.
  std::string TakePath() { return std::move(path_); }

 private:
  bool Take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  void SkipSpace() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
  }
  bool Digits() {
    const size_t size = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    rest_.remove_prefix(size);
    return size > 0;
  }

  bool Value(int depth) {
    if (Take("{")) return depth <= depth_max_ && Members(depth);
    if (Take("[")) return depth <= depth_max_ && Items(depth);
    if (Take("\"")) return String();
    return Take("null") || Take("true") || Take("false") || Number();
  }

  // Behind the bracket.
  bool Items(int depth) {
    SkipSpace();
    if (Take("]")) return true;
    for (size_t i = 0;; ++i) {
      SkipSpace();
      if (!Value(depth + 1)) return FailIn("[" + std::to_string(i) + "]");
      SkipSpace();
      if (Take("]")) return true;
      if (!Take(",")) return false;
    }
  }
  bool Members(int depth) {
    SkipSpace();
    if (Take("}")) return true;
    while (true) {
      SkipSpace();
      const std::string_view name = rest_;
      if (!Take("\"") || !String()) return false;
      const size_t name_size = name.size() - rest_.size();
      SkipSpace();
      if (!Take(":")) return false;
      SkipSpace();
      if (!Value(depth + 1)) return FailIn("." + std::string(name.substr(1, name_size - 2)));
      SkipSpace();
      if (Take("}")) return true;
      if (!Take(",")) return false;
    }
  }

  bool FailIn(const std::string& part) {
    path_.insert(0, part);
    return false;
  }

  bool Number() {
    (void)Take("-");
    if (!Take("0") && !Digits()) return false;
    if (Take(".") && !Digits()) return false;
    if (!Take("e") && !Take("E")) return true;
    if (!Take("+")) (void)Take("-");
    return Digits();
  }

  // Behind the quote.
  bool String() {
    const std::string_view begin = rest_;
    while (!rest_.empty()) {
      if (Take("\"")) return IsUtf8(begin.substr(0, begin.size() - rest_.size()));
      if (Take("\\")) {
        if (!Escape()) return false;
        continue;
      }
      if (static_cast<unsigned char>(rest_[0]) < 0x20) return false;
      rest_.remove_prefix(1);
    }
    return false;
  }
  bool Escape() {
    const char kind = rest_.empty() ? '\0' : rest_[0];
    if (kind == '\0' || std::string_view(R"("\/bfnrtu)").find(kind) == std::string_view::npos)
      return false;
    rest_.remove_prefix(1);
    if (kind != 'u') return true;
    const std::string_view digits = rest_.substr(0, 4);
    rest_.remove_prefix(digits.size());
    return digits.size() == 4 &&
           digits.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
  }

  std::string_view rest_;
  std::string path_;
  const int depth_max_;
};

}  // namespace

bool FollowsJsonGrammar(std::string_view text, int depth_max) {
  return Grammar(text, depth_max).IsText();
}

std::string JsonFaultAt(std::string_view text, int depth_max) {
  Grammar grammar(text, depth_max);
  return grammar.IsText() ? "" : grammar.TakePath();
}

}  // namespace treadle::wire
