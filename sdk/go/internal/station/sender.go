package station

import (
	"context"
	"errors"
	"time"

	"treadle/internal/http1"
	"treadle/internal/status"
	"treadle/internal/wire"
)

// cancelledLimit is how long a handler that is to stop may take to save how far it came.
const cancelledLimit = 5 * time.Second

// NewSave returns a Save that goes by a caller's connections. It also saves for a handler that is to
// stop. When the lease is lost, it stops the attempt.
func NewSave(caller *http1.Caller) Save {
	return func(attempt *Attempt, update *wire.Update, limit time.Duration) (int, error) {
		request := http1.Request{Method: "POST", Target: "/v1/attempts/" + attempt.Lease.Token,
			Body: update.Append(nil), Repeatable: true}
		if attempt.Context.Err() != nil && limit > cancelledLimit {
			limit = cancelledLimit
		}
		answer, err := saveOnce(caller, request, time.Now().Add(limit))
		if isCode(err, status.LeaseLost) {
			attempt.stop(LeaseLost)
		}
		if err != nil {
			return 0, err
		}
		return wire.ParseUpdateAnswer(answer.Body)
	}
}

// saveOnce also waits for a server that is busy, which Call does not.
func saveOnce(caller *http1.Caller, request http1.Request, deadline time.Time) (http1.Answer, error) {
	ctx := context.Background()
	for {
		answer, err := caller.Call(ctx, request, deadline)
		var known *status.Error
		if !errors.As(err, &known) || known.RetryAfter == 0 || known.Code == status.Unavailable {
			return answer, err
		}
		if time.Now().Add(known.RetryAfter).After(deadline) || !http1.Sleep(ctx, known.RetryAfter) {
			return answer, err
		}
	}
}
