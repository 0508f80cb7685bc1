package treadle

import (
	"context"
	"net/url"
	"time"

	"treadle/internal/http1"
	"treadle/internal/status"
)

// Edit says what to change in a task. Zero fields stay as they are; at least one must be set. All of
// them can be changed in a waiting task. A dead or canceled one can get another payload, priority or
// MaxAttempts before a redrive.
type Edit struct {
	// Queue moves the task. It keeps its ID, its age and its idempotency key.
	Queue string
	// Payload replaces the payload: anything that an enqueue takes. For a null, json.RawMessage("null").
	Payload any
	// Priority is from 0 to 9.
	Priority *int
	// MaxAttempts is more than the attempts that are spent.
	MaxAttempts int
	// RunAt is when it may begin. A time in the past makes it ready.
	RunAt time.Time
	// Delay is the same from now on. Only one of both is set.
	Delay time.Duration
}

func (e *Edit) encode() ([]byte, error) {
	w := fieldWriter{out: []byte{'{'}, isFirst: true}
	w.text("queue", e.Queue)
	if e.Priority != nil {
		w.number("priority", int64(*e.Priority))
	}
	w.positive("max_attempts", int64(e.MaxAttempts))
	w.time("run_at", e.RunAt)
	w.duration("delay_ms", e.Delay)
	if e.Payload != nil {
		blob, err := blobOf(e.Payload, "payload")
		if err != nil {
			return nil, err
		}
		if !w.isFirst {
			w.out = append(w.out, ',')
		}
		w.isFirst = false
		w.out = blob.AppendFields(w.out, "payload")
	}
	if w.isFirst {
		return nil, status.New(status.InvalidArgument, "the edit changes nothing")
	}
	return append(w.out, '}'), nil
}

// Edit changes a task, or moves it to another queue. ErrFailedPrecondition: it runs, or has ended in
// a way that an edit cannot change. The state is that of the task now.
func (c *Client) Edit(ctx context.Context, id string, edit Edit) (State, error) {
	body, err := edit.encode()
	if err != nil {
		return "", err
	}
	var standing struct {
		State State `json:"state"`
	}
	// With a delay it is not repeated: the delay would begin again.
	err = c.send(ctx, http1.Request{Method: "PATCH", Target: "/v1/tasks/" + url.PathEscape(id), Body: body,
		Repeatable: edit.Delay == 0}, &standing)
	return standing.State, err
}
