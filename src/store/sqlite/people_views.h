// The views `tasks` and `queues`: the tables, decoded for people with the sqlite3 shell. Treadle
// itself reads neither.
#pragma once

#include <string>

namespace treadle {

/// "CREATE VIEW …" of both.
std::string PeopleViews();

}  // namespace treadle
