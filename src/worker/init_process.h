// The first process of a container has duties that no other has.
#pragma once

namespace treadle::worker {

/// If this is process 1, as in a container, its duties are done from now on: this process passes
/// signals on, waits for the processes that others leave behind, so that none stays a zombie, and
/// ends as its child does. The child returns from here and continues. Any other process just
/// returns. Call it before there is a second thread.
void BecomeInitIfFirst();

}  // namespace treadle::worker
