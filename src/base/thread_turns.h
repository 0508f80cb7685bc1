// How the system shares a processor between the threads of this process.
#pragma once

namespace treadle {

/// Makes the calling thread one that is given the processor soon and for a short while, 0.1 ms at a
/// time, rather than late and for long (3 ms or so): for threads that others wait for, beside ones
/// that compute. No thread gets more of the processor by it. Linux 6.12 and later (EEVDF slices,
/// sched_setattr(2)); elsewhere it does nothing.
void TakeShortTurns();

}  // namespace treadle
