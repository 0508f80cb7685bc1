package treadle

// State is what a task waits for, or how it ended.
type State string

// The states.
const (
	StateScheduled State = "scheduled" // waits for its time
	StateReady     State = "ready"     // waits for a worker
	StateRunning   State = "running"   // waits for its worker's report
	StateRetrying  State = "retrying"  // waits for its backoff
	StateCompleted State = "completed"
	StateDead      State = "dead"
	StateCancelled State = "cancelled"
	StateExpired   State = "expired"
)

// HasEnded reports whether nothing more happens to the task by itself.
func (s State) HasEnded() bool {
	return s == StateCompleted || s == StateDead || s == StateCancelled || s == StateExpired
}
