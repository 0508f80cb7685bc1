#include "cli/known_types.h"

#include <fmt/format.h>

#include <vector>

#include "base/nearest.h"
#include "cli/arguments.h"
#include "console/pages.h"

namespace treadle::cli {
namespace {

constexpr int64_t kPageAnswerMs = 5'000;
constexpr size_t kTypesMax = 10'000;  // looked at

}  // namespace

std::string DidYouMeanType(Session& session, const std::string& type) {
  std::vector<std::string> others;
  const auto note = [&](const std::vector<JsonNode>& types) {
    for (const JsonNode& each : types) {
      if (std::string name = each.Text("name"); name != type) others.push_back(std::move(name));
    }
    return others.size() < kTypesMax;
  };
  (void)ForEachPage(session, "/v1/types", "types", wire::kTypeListShape, note, kPageAnswerMs);
  const std::string nearest = Nearest(type, others);
  return nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest);
}

}  // namespace treadle::cli
