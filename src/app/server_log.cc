#include "app/server_log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace treadle::app {

ServerLog::ServerLog(const std::string& level)
    : logger_(std::make_shared<spdlog::logger>("treadle",
                                               std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
  logger_->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  SetLevel(level);
}

ServerLog::~ServerLog() = default;

void ServerLog::SetLevel(const std::string& level) {
  logger_->set_level(spdlog::level::from_str(level));
}

void ServerLog::Info(std::string_view line) { logger_->info("{}", line); }
void ServerLog::Warn(std::string_view line) { logger_->warn("{}", line); }
void ServerLog::Fatal(std::string_view line) { logger_->critical("{}", line); }

}  // namespace treadle::app
