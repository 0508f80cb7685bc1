// Every command of `treadle`, one function each, in a file of its name. Each adds its words to
// `parent`; what it does later borrows `session`, which must outlive the command line. Some borrow
// `line`, too.
#pragma once

#include "cli/arguments.h"
#include "cli/cli.h"
#include "console/session.h"

namespace treadle::cli {

void AddStart(Command parent, Session& session, ServeFn serve);
void AddServer(Command parent, Session& session, ServeFn serve);
void AddConfig(Command parent, Session& session);
void AddApply(Command parent, Session& session);
void AddContext(Command parent, Session& session);
void AddCompletion(Command parent, Session& session, const CommandLine& line);
void AddComplete(Command parent, Session& session);
void AddDocs(Command parent, Session& session, const CommandLine& line);
void AddTaskEnqueue(Command parent, Session& session);
void AddTaskGet(Command parent, Session& session);
void AddTaskResult(Command parent, Session& session);
void AddTaskPayload(Command parent, Session& session);
void AddTaskList(Command parent, Session& session);
void AddTaskErrors(Command parent, Session& session);
void AddTaskExplain(Command parent, Session& session);
void AddTaskHistory(Command parent, Session& session);
void AddTaskRunNow(Command parent, Session& session);
void AddTaskEdit(Command parent, Session& session);
void AddTaskMove(Command parent, Session& session);
void AddTaskCancel(Command parent, Session& session);
void AddTaskRelease(Command parent, Session& session);
void AddTaskRedrive(Command parent, Session& session);
void AddTaskDelete(Command parent, Session& session);
void AddBulk(Command parent, Session& session);
void AddQueueList(Command parent, Session& session);
void AddQueueGet(Command parent, Session& session);
void AddTypeList(Command parent, Session& session);
void AddTypeGet(Command parent, Session& session);
void AddTypeContract(Command parent, Session& session);
void AddQueuePause(Command parent, Session& session);
void AddQueueResume(Command parent, Session& session);
/// queue set, drain, delete
void AddQueueSet(Command parent, Session& session);
void AddQueuePurge(Command parent, Session& session);
void AddTypeSet(Command parent, Session& session);
void AddWorkerExec(Command parent, Session& session);
void AddWorkerDemo(Command parent, Session& session);
void AddBench(Command parent, Session& session);
void AddDemo(Command parent, Session& session);
void AddDataCheck(Command parent, Session& session, const tools::DataTools& tools);
void AddBackup(Command parent, Session& session, const tools::DataTools& tools);
void AddInfo(Command parent, Session& session);
void AddVersion(Command parent, Session& session);

}  // namespace treadle::cli
