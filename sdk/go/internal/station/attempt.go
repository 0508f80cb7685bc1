package station

import (
	"context"
	"sync/atomic"
	"time"

	"treadle/internal/wire"
)

// Cause is why an attempt's context ended; of several reasons, the first.
type Cause int32

// The causes.
const (
	None Cause = iota
	Requested
	LeaseLost
	Timeout
	Shutdown
)

// Attempt is one run of a handler.
type Attempt struct {
	// Context ends when the work is no longer wanted. Cause says why.
	Context context.Context
	Lease   *wire.Lease
	Begun   time.Time
	// Limit is how long the attempt may take. 0: nothing limits it.
	Limit time.Duration

	cancel    context.CancelFunc
	cause     int32
	giveUp    *time.Timer
	isDropped bool // nothing is to be reported any more; guarded by the mutex of Attempts
}

// NewAttempt returns an attempt that nobody watches, for tests without a server.
func NewAttempt(ctx context.Context, lease *wire.Lease) *Attempt {
	attempt := &Attempt{Lease: lease, Begun: time.Now()}
	attempt.Context, attempt.cancel = context.WithCancel(ctx)
	return attempt
}

// Stop ends the context of an attempt of NewAttempt.
func (a *Attempt) Stop(cause Cause) { a.stop(cause) }

func newAttempt(attempts *Attempts, from waiting) *Attempt {
	now := time.Now()
	attempt := &Attempt{Lease: from.lease, Begun: now}
	deadline := from.revokedAt
	if limit := attempts.TimeoutOf(from.lease.Type); limit > 0 {
		if own := now.Add(limit); deadline.IsZero() || own.Before(deadline) {
			deadline = own
		}
	}
	if deadline.IsZero() {
		attempt.Context, attempt.cancel = context.WithCancel(context.Background())
		return attempt
	}
	attempt.Limit = deadline.Sub(now)
	attempt.Context, attempt.cancel = context.WithDeadline(context.Background(), deadline)
	attempt.giveUp = time.AfterFunc(attempt.Limit+attempts.CancelWait, func() { attempts.giveUp(attempt) })
	return attempt
}

// Cause returns why the context ended. None: it has not.
func (a *Attempt) Cause() Cause {
	if cause := Cause(atomic.LoadInt32(&a.cause)); cause != None {
		return cause
	}
	if a.Context.Err() == context.DeadlineExceeded {
		return Timeout
	}
	return None
}

func (a *Attempt) stop(cause Cause) {
	if a.Context.Err() == nil {
		atomic.CompareAndSwapInt32(&a.cause, int32(None), int32(cause))
	}
	a.cancel()
}

func (a *Attempt) end() {
	if a.giveUp != nil {
		a.giveUp.Stop()
	}
	a.cancel()
}
