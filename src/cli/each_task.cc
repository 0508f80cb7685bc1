#include "cli/each_task.h"

#include <algorithm>

namespace treadle::cli {

Command& AddIds(Command& command, std::vector<std::string>* ids) {
  return command.Many("ID", ids, "The IDs of the tasks, for example 1-42");
}

ExitStatus ForEachTask(Session& session, const std::vector<std::string>& ids,
                       const std::function<ExitStatus(const std::string& id)>& one) {
  for (const std::string& id : ids) {
    if (const Status status = CheckTaskId(id); !status.ok()) return session.Fail(status);
  }
  const bool is_list = ids.size() > 1 && session.json();
  if (is_list) session.BeginList();
  ExitStatus worst = ExitStatus::kOk;
  for (const std::string& id : ids) {
    const ExitStatus status = one(id);
    worst = std::max(worst, status);
    if (status == ExitStatus::kUnreachable || status == ExitStatus::kPermission) break;
  }
  if (is_list) session.EndList();
  return worst;
}

}  // namespace treadle::cli
