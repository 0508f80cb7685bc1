// The effects in frames of the journal. Whatever can be read must be the same after it is written
// and read again, and the checkpoint's fold must accept it. An input is the effects of one frame.

#include <string>
#include <variant>

#include "base/check.h"
#include "engine/effects.h"
#include "shard/fold.h"
#include "tests/fuzz/fuzz_target.h"

namespace treadle::fuzz {
namespace {

// Reads `bytes` and writes the result again. Nothing if they cannot be read.
std::optional<std::string> Rewritten(std::string_view bytes) {
  EffectReader reader(1, bytes);
  std::string written;
  ByteWriter out(&written);
  while (true) {
    const Result<std::optional<Effect>> effect = reader.Next();
    if (!effect.ok()) TREADLE_CHECK(effect.status().code() == Code::kDataLoss);
    if (!effect.ok()) return std::nullopt;
    if (!effect->has_value()) return written;
    std::visit([&](const auto& each) { Encode(each, &out); }, **effect);
  }
}

}  // namespace

TREADLE_FUZZ_TARGET(effects) {
  const std::optional<std::string> once = Rewritten(input);
  Fold fold(1, /*first_new_frame=*/1);
  const Status folded = fold.Add({.sequence = 1, .time = {1}, .effects = input});
  TREADLE_CHECK(folded.ok() == once.has_value());
  if (!once) return;
  const std::optional<std::string> twice = Rewritten(*once);
  TREADLE_CHECK(twice == once);
  size_t tasks = 0;
  for (const StoreChanges& changes : fold.Take(/*bytes=*/64)) tasks += changes.tasks.size();
  TREADLE_CHECK(tasks <= input.size());
}

}  // namespace treadle::fuzz
