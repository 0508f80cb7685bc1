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
                    std::string_view name, const CheckBudget* budget) {
  const size_t steps = kStepsAtLeast + kStepsPerByte * bytes;
  SchemaWalk quick(table, value, steps, budget, name, nullptr);
  const bool fits = quick.Fits();
  if (quick.is_exhausted()) return {Code::kInvalidArgument, quick.why()};
  if (fits) return {};
  SchemaFault fault;
  SchemaWalk talking(table, value, steps, budget, name, &fault);
  talking.Fits();
  if (talking.is_exhausted()) return {Code::kInvalidArgument, talking.why()};
  return {Code::kInvalidArgument, fault.path + " " + fault.what};
}

}  // namespace treadle
