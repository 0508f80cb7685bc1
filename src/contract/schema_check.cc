#include "contract/schema_check.h"

#include "contract/schema_walk.h"

namespace treadle {
namespace {

// The work for one value: steps of the walk, each some 20 ns.
constexpr size_t kStepsAtLeast = 100'000;
constexpr size_t kStepsPerByte = 16;

}  // namespace

// Nearly all values fit: only for the few that do not is it looked again, to be able to say why.
Status CheckAgainst(const SchemaTable& table, const SchemaJson& value, size_t bytes,
                    std::string_view name) {
  const size_t steps = kStepsAtLeast + kStepsPerByte * bytes;
  SchemaWalk quick(table, value, steps, name, nullptr);
  const bool fits = quick.Fits();
  if (fits && !quick.is_exhausted()) return {};
  SchemaFault fault;
  bool is_exhausted = quick.is_exhausted();
  if (!is_exhausted) {
    SchemaWalk talking(table, value, steps, name, &fault);
    talking.Fits();
    is_exhausted = talking.is_exhausted();
  }
  if (is_exhausted)
    return {Code::kInvalidArgument,
            std::string(name) + " takes more work to check than a value of its size may"};
  return {Code::kInvalidArgument, fault.path + " " + fault.what};
}

}  // namespace treadle
