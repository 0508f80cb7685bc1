#!/usr/bin/python3
"""The tree check must be able to fail: each test breaks one rule in a small tree and expects a finding that names
it."""

import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
import tree  # noqa: E402  (the path comes first)
from cpp_shape import shape_of

HEADER = "// What it is.\n#pragma once\n"
SOUND = {
    "src/base/CMakeLists.txt": "treadle_room(base LINKS Threads::Threads)\n",
    "src/base/status.h": HEADER,
    "src/model/CMakeLists.txt": "treadle_room(model SEES base)\n",
    "src/model/task.h": HEADER + '#include "base/status.h"\n',
    "src/engine/CMakeLists.txt": "# The machine.\ntreadle_room(engine\n  SEES model base  # both\n  LINKS x)\n",
    "src/engine/engine.cc": '#include "engine/engine.h"\n\n#include "model/task.h"\n',
}


class TreeTest(unittest.TestCase):
    def findings(self, files=None):
        """The findings for the sound tree with these files on top."""
        with tempfile.TemporaryDirectory() as root:
            for name, text in {**SOUND, **(files or {})}.items():
                path = Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return tree.check_tree(root)

    def assert_only(self, files, place, *words):
        found = self.findings(files=files)
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(place + ": "), found)
        for word in words:
            self.assertIn(word, found[0])

    def test_a_sound_tree_has_no_findings(self):
        self.assertEqual(self.findings(), [])

    def test_a_reverse_include_is_refused_with_its_place(self):
        self.assert_only({"src/base/status.h": HEADER + '#include "engine/engine.h"\n'},
                         "src/base/status.h:3", "does not see 'engine'", "may see only: nothing")

    def test_an_include_that_the_room_does_not_name_is_refused_and_the_fix_named(self):
        self.assert_only({"src/engine/CMakeLists.txt": "treadle_room(engine SEES base)\n"},
                         "src/engine/engine.cc:3", "add model to SEES in src/engine/CMakeLists.txt")

    def test_test_files_also_obey_the_arrows(self):
        self.assert_only({"src/model/task_test.cc": '#include "engine/engine.h"\n'},
                         "src/model/task_test.cc:1", "does not see 'engine'")

    def test_a_room_may_not_name_one_above_it(self):
        self.assert_only({"src/model/CMakeLists.txt": "\ntreadle_room(model SEES base engine)\n"},
                         "src/model/CMakeLists.txt:2", "'model' must not see 'engine'")

    def test_http_sees_only_base_and_cli_reaches_a_server_only_through_client(self):
        self.assert_only({"src/http/CMakeLists.txt": "treadle_room(http SEES base model)\n"},
                         "src/http/CMakeLists.txt:1", "'http' must not see 'model'")
        for room in ("node", "engine", "api", "store", "journal"):
            self.assert_only({"src/cli/CMakeLists.txt": f"treadle_room(cli SEES client {room})\n"},
                             "src/cli/CMakeLists.txt:1", f"'cli' must not see '{room}'")

    def test_a_misspelled_room_an_unknown_folder_and_a_missing_declaration_are_refused(self):
        self.assert_only({"src/model/CMakeLists.txt": "treadle_room(model SEES base bsae)\n"},
                         "src/model/CMakeLists.txt:1", "'bsae', which is no room")
        self.assert_only({"src/util/CMakeLists.txt": "treadle_room(util)\n", "src/util/x.h": HEADER},
                         "src/util/CMakeLists.txt:1", "unknown room 'util'")
        self.assert_only({"src/store/store.h": HEADER}, "src/store/CMakeLists.txt:1", "missing")
        self.assert_only({"src/store/CMakeLists.txt": "add_library(s s.cc)\n", "src/store/store.h": HEADER},
                         "src/store/CMakeLists.txt:1", "declares no room")

    def test_an_include_without_its_room_is_refused(self):
        self.assert_only({"src/model/task.h": HEADER + '#include "limits.h"\n'},
                         "src/model/task.h:3", '"model/limits.h"')

    def test_a_header_needs_its_contract_and_its_guard(self):
        self.assert_only({"src/base/status.h": "#pragma once\n"}, "src/base/status.h:1", "contract")
        self.assert_only({"src/base/status.h": "// What it is.\n"}, "src/base/status.h:1", "#pragma once")

    def test_long_files_and_long_lines_are_refused(self):
        self.assert_only({"src/base/a.cc": "int x;\n" * 801}, "src/base/a.cc:801", "801 lines")
        self.assert_only({"tests/model/a.cc": "\n" + "x" * 101 + "\n"}, "tests/model/a.cc:2", "101 columns")
        self.assertEqual(self.findings(files={"src/base/a.cc": ("é" * 100 + "\n") * 800}), [])

    def test_banned_words_are_reported_with_their_place(self):
        self.assert_only({"src/base/a.cc": "int x;  // " + "TO" + "DO: later\n"}, "src/base/a.cc:1", "open an issue")
        self.assert_only({"scripts/a.sh": "# FIX" + "ME\n"}, "scripts/a.sh:1", "open an issue")
        self.assert_only({"src/base/a.cc": "using namespace std;\n"}, "src/base/a.cc:1", "using namespace std")
        self.assert_only({"README.md": "\nSee /" + "work/main/x.\n"}, "README.md:2", "path of one machine")
        self.assert_only({"docs/a.md": "See design" + ".md, section 2.\n"}, "docs/a.md:1", "docs/architecture.md")

    def test_a_type_of_the_sdk_has_a_name_of_its_own(self):
        sdk = {"include/treadle/task.h": HEADER + "namespace treadle {\nstruct Page {\n};\n}\n"}
        store = "namespace treadle {\nstruct Page {\n};\n}\n"
        self.assert_only({**sdk, "src/model/page.cc": store}, "src/model/page.cc:2", "include/treadle", "another name")
        apart = ["namespace treadle {\nnamespace {\nstruct Page {\n};\n}\n}\n", "namespace treadle::model {\nstruct Page {\n};\n}\n",
                 "namespace treadle {\nstruct Page;\n}\n", "namespace treadle {\ntemplate <class T>\nstruct Page {\n};\n}\n"]
        for text in apart:
            self.assertEqual(self.findings({**sdk, "src/model/page.cc": text}), [], text)

    def test_a_test_that_sleeps_is_refused_but_other_code_may_sleep(self):
        line = "std::this_thread::sleep_for(1s);\n"
        self.assert_only({"src/base/a_test.cc": line}, "src/base/a_test.cc:1", "drive the clock")
        self.assertEqual(self.findings(files={"src/base/a.cc": line}), [])

    def test_a_class_with_too_many_methods_or_members_is_refused(self):
        def header(keyword, public="", private=""):
            return HEADER + f"namespace treadle {{\n{keyword} Large {{\n public:\n{public} private:\n{private}}};\n}}\n"

        methods, members = "  void F(int);\n", "  int m_ = 0;\n"
        for text, words in [(header("class", 21 * methods), "21 public methods"),
                            (header("struct", 21 * methods), "21 public methods"),
                            (header("class", "", 26 * methods), "26 private methods"),
                            (header("class", "", 16 * members), "16 members")]:
            self.assert_only({"src/model/large.h": text}, "src/model/large.h:4", "class Large", words)
        for text in [header("class", 20 * methods, 25 * methods + 15 * members), header("struct", 30 * members)]:
            self.assertEqual(self.findings({"src/model/large.h": text}), [])
        self.assertEqual(self.findings({"src/model/large.cc": header("class", 21 * methods)}), [])

    def test_a_large_class_of_today_may_only_shrink(self):
        def header(methods):
            return {"src/engine/engine.h": HEADER + "class Engine {\n public:\n" + "  void F();\n" * methods + "};\n"}

        with mock.patch.object(tree, "LARGE", {"engine/Engine": {"public": 30}}):
            self.assertEqual(self.findings(header(30)), [])
            self.assert_only(header(31), "src/engine/engine.h:3", "at most 30")
            self.assert_only(header(29), "src/engine/engine.h:3", "only 29", "LARGE")

    def test_a_room_that_states_too_little_is_refused(self):
        function = "int F() {\n  return 1;\n}\n"
        check = "int F() {\n  TREADLE_CHECK(true);\n  return 1;\n}\n"
        with mock.patch.object(tree, "CHECKS", {"engine": 50}):
            for text in ["int F() { return 1; }\n", check + function, check]:
                self.assertEqual(self.findings({"src/engine/a.cc": text}), [], text)
            self.assert_only({"src/engine/a.cc": check + 2 * function}, "src/engine:1", "in 3 functions", "at least 50")
            self.assertEqual(self.findings({"src/engine/a_test.cc": function}), [])

    def test_every_form_of_declaration_is_counted_right(self):
        shape = shape_of(FORMS)
        self.assertEqual([(each.name, each.public, each.private, each.members) for each in shape.classes],
                         [("Outer", 6, 4, 11), ("Outer::Inner", 1, 0, 2), ("Outer::?", 0, 0, 1), ("Pair", 0, 0, 2),
                          ("Derived", 2, 0, 0)])
        self.assertEqual((shape.functions, shape.checks), (4, 3))


FORMS = """
// class Comment { void F(); };
#define MACRO(x) class x { \\
  int m; };
namespace treadle {
class Forward;
template <class T, size_t n = (1 > 0)>
class TREADLE_CAPABILITY("mutex") Outer final : public Base<T>, private Other {
 public:
  using Name = std::map<int, std::function<void(int)>>;
  static constexpr int kConstant = 1;
  enum class Kind { kOne, kTwo };
  explicit Outer(int value) : member_(value), other_{1, 2} {}
  Outer(const Outer&) = delete;
  Outer& operator=(const Outer&) = delete;
  ~Outer();
  virtual void Pure() const = 0;                                       // 1
  template <class V>
  [[nodiscard]] static std::vector<V> Make(std::function<void()> f = {}, int n = F(2)) noexcept;  // 2
  bool operator<(const Outer& other) const { return member_ < other.member_; }                    // 3
  int operator()(int x) const;                                         // 4
  std::pair<int, int> Long() const TREADLE_REQUIRES(mutex_) {          // 5
    const char* text = "} class Text {";
    if (member_ > 0) {
      return {1, 2};
    }
    return {};
  }
  auto Trailing() -> decltype(member_);                                // 6

 private:
  struct Inner {
    int a = 0;
    std::string b;
    int F() const { return a; }
  };
  friend class Friend;
  static_assert(sizeof(int) == 4, "it { is");
  void A();
  static void B(int (*callback)(int));
  Result<std::map<int, std::string>> C(const std::array<int, 3>& x = {1, 2, 3});
  constexpr static int D(char c = '{') { return c; }

  int member_ = 0, second_ = 1;
  std::function<void(int, int)> f_;
  std::function<void()> g_ = [] { return; };
  int guarded_ TREADLE_GUARDED_BY(mutex_) = 0;
  mutable Mutex mutex_;
  std::array<int, (2 > 1)> array_{};
  uint8_t bits_ : 4 = 1'000;
  Statement made_{db_, std::string("SELECT ") + R"(text ; { )"};
  const std::map<int, Inner> other_;
  struct {
    int unnamed;
  } last_;
};

struct Pair {
  int first, second;
};

class Derived : public Outer<int> {
 public:
  Derived();
  void One() override;
  void Two() override {
    TREADLE_CHECK(true);
  }
};

namespace {
Derived::Derived() : Outer<int>{1}, x_(2) {
  TREADLE_CHECK(x_ == 2);
}
constexpr int kTable[] = {1, 2, 3};
int Free(int x) {
  const auto lambda = [x] {
    return x;
  };
  return lambda();
}
}  // namespace
}  // namespace treadle
"""


if __name__ == "__main__":
    unittest.main()
