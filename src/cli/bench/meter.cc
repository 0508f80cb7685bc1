#include "cli/bench/meter.h"

namespace treadle::cli::bench {

void Meter::Stop(Measurement* m) const {
  const auto cpu_us = target_.CpuUs();
  if (cpu_us_ && cpu_us && m->tasks > 0)
    m->server_cpu_us_per_task =
        static_cast<double>(*cpu_us - *cpu_us_) / static_cast<double>(m->tasks);
  StopTurns(m);
}

void Meter::StopTurns(Measurement* m) const {
  const auto turns = target_.ShardTurns();
  if (turns_ && turns) m->shard_turn_ms_max = LongestTurnMs(*turns_, *turns);
}

}  // namespace treadle::cli::bench
