package treadle

import (
	"context"
	"time"

	"treadle/internal/station"
	"treadle/internal/wire"
)

// Task is what a handler runs.
type Task struct {
	ID          string
	Type        string
	Queue       string
	Attempt     int // from 1, this one included
	MaxAttempts int
	Payload     []byte // the exact bytes that were enqueued; their SHA-256 was checked
	ContentType string
	EnqueuedAt  time.Time
	// DeadlineAt is when the task as a whole must have ended. Zero: it has no such time.
	DeadlineAt time.Time
	// Sensitive says that what the task carries does not belong into logs.
	Sensitive bool
	// ContractVersion is the version of its type's contract that the payload fits. 0: it has none.
	ContractVersion int64
	// Traceparent is the W3C trace context of the producer. Empty: it sent none.
	Traceparent string
}

func taskOf(lease *wire.Lease) Task {
	return Task{
		ID: lease.ID, Type: lease.Type, Queue: lease.Queue,
		Attempt: lease.Attempt, MaxAttempts: lease.MaxAttempts,
		Payload: lease.Payload.Data, ContentType: lease.Payload.ContentType,
		EnqueuedAt: lease.EnqueuedAt, DeadlineAt: lease.DeadlineAt,
		Sensitive: lease.IsSensitive, ContractVersion: lease.ContractVersion,
		Traceparent: lease.Traceparent,
	}
}

// Cause is why a handler's context ended; of several reasons, the first.
type Cause string

// The causes.
const (
	// CauseNone: it has not.
	CauseNone Cause = ""
	// CauseRequested: someone asked for the end of the task. It is then canceled, unless the handler
	// returns a result.
	CauseRequested Cause = "requested"
	// CauseLeaseLost: another worker has the task, or it has ended. Nobody hears what the handler
	// returns.
	CauseLeaseLost Cause = "lease_lost"
	// CauseTimeout: the attempt's time is up. It has failed, as "timeout".
	CauseTimeout Cause = "timeout"
	// CauseShutdown: the worker stops, and its grace is over. The task is returned unspent.
	CauseShutdown Cause = "shutdown"
)

var causes = map[station.Cause]Cause{
	station.Requested: CauseRequested,
	station.LeaseLost: CauseLeaseLost,
	station.Timeout:   CauseTimeout,
	station.Shutdown:  CauseShutdown,
}

// TaskOf returns the task that a handler's context belongs to, and false if it belongs to none.
func TaskOf(ctx context.Context) (Task, bool) {
	attempt := attemptOf(ctx)
	if attempt == nil {
		return Task{}, false
	}
	return attempt.task, true
}

// CauseOf returns why a handler's context ended.
func CauseOf(ctx context.Context) Cause {
	attempt := attemptOf(ctx)
	if attempt == nil {
		return CauseNone
	}
	return causes[attempt.attempt.Cause()]
}

// ClientOf returns the worker's client, for tasks that a handler enqueues, and nil outside of a
// handler. An attempt can be repeated: give such a task a key that follows from the ID of this one.
func ClientOf(ctx context.Context) *Client {
	attempt := attemptOf(ctx)
	if attempt == nil {
		return nil
	}
	return attempt.runner.client
}
