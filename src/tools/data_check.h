// `treadle data check`: what journal, store and recovery show about a data directory, without
// changing it.
#pragma once

#include <string>
#include <string_view>

#include "node/data_directory.h"
#include "tools/data_tools.h"

namespace treadle::tools {

/// See CheckDataFn.
Result<DataReport> CheckData(const std::string& directory);

/// The same for a directory that is locked already.
Result<DataReport> CheckLocked(const DataDirectory& data);

/// What many messages of journal, store and recovery end with.
inline constexpr std::string_view kRunDataCheck = "run treadle data check";
/// `failure`, the reason why a server does not open `directory`, with the command that shows more.
Status WithDataCheck(const Status& failure, const std::string& directory);

}  // namespace treadle::tools
