// The text of a trace: commands with their main fields, answers with IDs and codes. Called only
// while the trace is printed.
#pragma once

#include <string>
#include <vector>

#include "node/node.h"

namespace treadle::sim {

std::string TextOf(const Status& status);
std::string TextOf(const NewTask& task);
std::string TextOf(const std::vector<NewTask>& batch);
std::string TextOf(const Result<EnqueueReply>& reply);
std::string TextOf(const Report& report);
std::string TextOf(const ExchangeRequest& request);
std::string TextOf(const Result<ExchangeReply>& reply);
std::string TextOf(const AttemptSave& save);
std::string TextOf(const Result<AttemptStanding>& standing);
std::string TextOf(const TaskCommand& command);
std::string TextOf(const Result<TaskStanding>& standing);
std::string TextOf(const Result<TaskView>& view);
std::string TextOf(const Result<QueueView>& view);
std::string TextOf(const Result<TypeView>& view);

}  // namespace treadle::sim
