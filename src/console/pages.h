// Lists that come in pages. One thread.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "console/session.h"
#include "console/table.h"

namespace treadle {

/// Notices a server that sends the same page again and again.
class CursorGuard {
 public:
  /// INTERNAL: this cursor came before. An empty one ends the list.
  Status Check(const std::string& cursor);

 private:
  std::set<std::string> seen_;
};

/// Asks for `path`, a list without parameters, page by page, and gives the entries of its member
/// `list` to `take` until that returns false. INTERNAL: an answer is no such list.
Status ForEachPage(Session& session, std::string_view path, std::string_view list,
                   const wire::Shape& shape,
                   const std::function<bool(const std::vector<JsonNode>&)>& take,
                   int64_t timeout_ms = 30'000);

/// A list that is printed whole.
struct PrintedList {
  std::string_view path;
  std::string_view name;     // of its member
  const wire::Shape& shape;  // of a page
  std::string_view nothing;  // a message for people if it is empty
  Table table;
  void (*add_row)(const JsonNode& entry, Table* table);
};

/// Prints it in the asked form. Holds what it prints, and no more than a page of answers.
ExitStatus PrintList(Session& session, PrintedList list);

}  // namespace treadle
