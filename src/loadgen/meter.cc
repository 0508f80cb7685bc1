#include "loadgen/meter.h"

namespace treadle::loadgen {

void Meter::Stop(Measurement* m) const {
  const auto cpu_us = target_.CpuUs();
  if (cpu_us_ && cpu_us && m->tasks > 0)
    m->server_cpu_us_per_task =
        static_cast<double>(*cpu_us - *cpu_us_) / static_cast<double>(m->tasks);
  StopTurns(m);
}

void Meter::StopTurns(Measurement* m) const {
  const auto turns = target_.ShardTurns();
  if (turns_ && turns) SayLongestTurns(*turns_, *turns, m);
}

void SayLongestTurns(const ShardTurns& before, const ShardTurns& after, Measurement* m) {
  m->shard_turn_ms_max = LongestTurnMs(before.clock, after.clock);
  m->shard_turn_cpu_ms_max = LongestTurnMs(before.processor, after.processor);
}

}  // namespace treadle::loadgen
