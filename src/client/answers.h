// The shapes of the server's answers (docs/openapi.yaml): what a client needs in each of them.
// Fields without which it can do are optional, so that servers of other versions pass.
#pragma once

#include "client/shape.h"

namespace treadle::wire {

extern const Shape kEnqueuedShape;
extern const Shape kEnqueuedBatchShape;
extern const Shape kTaskShape;
extern const Shape kTaskListShape;
extern const Shape kHistoryShape;
extern const Shape kExplanationShape;
extern const Shape kStandingShape;  // of a task that a command acted on
extern const Shape kBulkShape;
extern const Shape kBulkListShape;
extern const Shape kBackupShape;
extern const Shape kBackupListShape;
extern const Shape kQueueShape;
extern const Shape kQueueListShape;
extern const Shape kTypeShape;
extern const Shape kTypeListShape;
extern const Shape kInfoShape;
extern const Shape kAttemptStandingShape;  // of a running attempt that saved something

}  // namespace treadle::wire
