// Lists of queues and task types: their parameters, and an answer that is cut where it grows large.
// Pure; any thread.
#pragma once

#include <string>

#include "engine/commands.h"
#include "http/message.h"
#include "json/writer.h"

namespace treadle::api {

struct ListQuery {
  uint32_t after = 0;
  size_t limit = 0;
};

/// `limit` and `cursor`, and no other parameter. INVALID_ARGUMENT.
Result<ListQuery> ReadListQuery(const http::Request& request);

/// A part ends behind the entry with which it has reached this size.
inline constexpr size_t kListBytes = size_t{1} << 20;

/// {"NAME": [...], "next_cursor": "..."}; `write(view, &out)` writes an entry, `number_of(view)` is
/// where the next part begins.
template <class View, class NumberOf, class Write>
std::string ListJson(std::string_view name, const ListPart<View>& part, NumberOf number_of,
                     Write write) {
  std::string body;
  JsonWriter out(&body);
  uint32_t next = part.next;
  out.Open('{').Key(name).Open('[');
  for (const View& view : part.views) {
    write(view, &out);
    if (body.size() < kListBytes || &view == &part.views.back()) continue;
    next = number_of(view);
    break;
  }
  out.Close(']');
  if (next != 0) out.Key("next_cursor").PlainText(std::to_string(next));
  out.Close('}');
  return body;
}

}  // namespace treadle::api
