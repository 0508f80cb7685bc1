// Reports how a task ended to a person or a script. Used by every command that waits for tasks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "console/session.h"
#include "json/tree.h"

namespace treadle {

/// A task in this state changes no more.
bool IsEnded(std::string_view state);

/// Waits until the task has ended and returns its view; `timeout_ms` nothing: as long as it takes.
/// A server that restarts meanwhile is waited for, up to 30 s. DEADLINE_EXCEEDED: the time is over;
/// NOT_FOUND: no such task; and what Session::Call() returns.
Result<JsonDocument> WaitForTask(Session& session, const std::string& id,
                                 std::optional<int64_t> timeout_ms);

/// Prints what came out of the ended task with that view: its result to standard output, or why it
/// is dead to standard error (kTaskDied).
ExitStatus PrintOutcome(Session& session, const JsonNode& view);

/// "3 of 20 attempts: exit_1: no such host"
std::string WhyDead(const JsonNode& view);

/// Bytes as they are; on a terminal the line is ended.
void PrintBytes(Session& session, std::string_view bytes);

}  // namespace treadle
