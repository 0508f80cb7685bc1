#include "api/list_out.h"

#include <charconv>

#include "api/text_in.h"

namespace treadle::api {
namespace {

constexpr int64_t kListLimitMax = 1'000;

}  // namespace

Result<ListQuery> ReadListQuery(const http::Request& request) {
  constexpr std::string_view kKnown[] = {"limit", "cursor"};
  TREADLE_ASSIGN_OR_RETURN(const http::QueryParameters query, ReadQuery(request, kKnown));
  TREADLE_ASSIGN_OR_RETURN(const int64_t limit,
                           NumberParameter(query, "limit", 1, kListLimitMax, kListLimitMax));
  ListQuery list{.limit = static_cast<size_t>(limit)};
  const auto cursor = query.find("cursor");
  if (cursor == query.end()) return list;
  const std::string& text = cursor->second;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, list.after);
  if (error == std::errc() && stop == end && list.after > 0) return list;
  return Status(Code::kInvalidArgument,
                "cursor is invalid: pass the next_cursor of the previous page");
}

}  // namespace treadle::api
