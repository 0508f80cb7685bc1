// Runs every input of corpus/ on its target, so that a bug that fuzzing found cannot return. For
// fuzzing itself, run `./dev fuzz`.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/targets.h"

namespace treadle::fuzz {

#define TREADLE_DECLARE(name) void name(std::string_view input);
TREADLE_FUZZ_TARGETS(TREADLE_DECLARE)
#undef TREADLE_DECLARE

namespace {

namespace fs = std::filesystem;

struct Target {
  const char* name;
  void (*run)(std::string_view input);
};
// Keeps test names stable.
void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }

#define TREADLE_ENTRY(name) {#name, name},
constexpr Target kTargets[] = {TREADLE_FUZZ_TARGETS(TREADLE_ENTRY)};
#undef TREADLE_ENTRY

const fs::path kCorpora = TREADLE_FUZZ_CORPORA;

class FuzzCorpus : public testing::TestWithParam<Target> {};

TEST_P(FuzzCorpus, EveryInputKeepsThePromisesOfItsTarget) {
  std::vector<fs::path> inputs(fs::directory_iterator(kCorpora / GetParam().name), {});
  std::ranges::sort(inputs);
  ASSERT_FALSE(inputs.empty());
  for (const fs::path& path : inputs) {
    std::cout << path.filename() << std::endl;  // the last name printed is the culprit if the
                                                // target aborts
    std::ifstream in(path, std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(in), {}};
    ASSERT_TRUE(in);
    GetParam().run(input);
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, FuzzCorpus, testing::ValuesIn(kTargets),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(FuzzCorpora, EachFolderBelongsToATarget) {
  for (const fs::path& folder : fs::directory_iterator(kCorpora)) {
    const std::string name = folder.filename();
    EXPECT_NE(
        std::ranges::find(kTargets, name, [](const Target& t) { return std::string(t.name); }),
        std::end(kTargets))
        << name;
  }
}

}  // namespace
}  // namespace treadle::fuzz
