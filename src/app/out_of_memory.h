// What happens when the system gives the server no more memory.
#pragma once

namespace treadle::app {

/// From now on an allocation that fails ends the process with kFatalExit and a line on standard
/// error, instead of an exception somewhere in the middle: nothing was acknowledged that is not
/// durable, and the next start continues from there.
void StopWhenMemoryEnds();

}  // namespace treadle::app
