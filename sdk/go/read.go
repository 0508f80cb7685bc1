package treadle

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"treadle/internal/http1"
	"treadle/internal/status"
	"treadle/internal/wire"
)

const (
	waitOfOneCall = 30 * time.Second
	betweenLooks  = 100 * time.Millisecond // at a server that does not wait, though it was asked to
)

// Get returns a task as it is now. ErrNotFound: there is none, or it is no longer kept.
func (c *Client) Get(ctx context.Context, id string) (*TaskInfo, error) {
	return c.look(ctx, id, 0)
}

func (c *Client) look(ctx context.Context, id string, wait time.Duration) (*TaskInfo, error) {
	target := "/v1/tasks/" + url.PathEscape(id)
	if wait > 0 {
		target += "?wait=" + strconv.FormatInt(wait.Milliseconds(), 10) + "ms"
	}
	task := new(TaskInfo)
	if err := c.get(ctx, target, wait, task); err != nil {
		return nil, err
	}
	return task, nil
}

// Wait returns a task once it has ended. ErrDeadlineExceeded: ctx ended first. A server that is away
// meanwhile ends nothing.
func (c *Client) Wait(ctx context.Context, id string) (*TaskInfo, error) {
	for {
		asked := time.Now()
		task, err := c.look(ctx, id, waitOfOneCall)
		if ctx.Err() != nil {
			return nil, http1.FromContext(ctx)
		}
		if err != nil && !hasCode(err, status.Unavailable, status.DeadlineExceeded) {
			return nil, err
		}
		if err == nil && task.State.HasEnded() {
			return task, nil
		}
		if pause := betweenLooks - time.Since(asked); pause > 0 && !http1.Sleep(ctx, pause) {
			return nil, http1.FromContext(ctx)
		}
	}
}

// Payload returns the exact bytes of a task's payload. Their SHA-256 was checked.
func (c *Client) Payload(ctx context.Context, id string) (Bytes, error) {
	return c.bytes(ctx, "/v1/tasks/"+url.PathEscape(id)+"/payload")
}

// Result returns the exact bytes of a completed task's result. Their SHA-256 was checked.
// ErrFailedPrecondition: it has none, at least not yet.
func (c *Client) Result(ctx context.Context, id string) (Bytes, error) {
	return c.bytes(ctx, "/v1/tasks/"+url.PathEscape(id)+"/result")
}

func (c *Client) bytes(ctx context.Context, target string) (Bytes, error) {
	answer, err := c.ask(ctx, http1.Request{Method: "GET", Repeatable: true, Target: target}, 0)
	if err != nil {
		return Bytes{}, err
	}
	if answer.SHA256 != "" && !wire.HasSHA256(answer.Body, []byte(answer.SHA256)) {
		return Bytes{}, status.New(status.DataLoss, "what arrived does not have its SHA-256")
	}
	return Bytes{Data: answer.Body, ContentType: answer.ContentType}, nil
}

// Log returns what an attempt logged. 0: the last attempt.
func (c *Client) Log(ctx context.Context, id string, attempt int) (string, error) {
	target := "/v1/tasks/" + url.PathEscape(id) + "/log"
	if attempt > 0 {
		target += "?attempt=" + strconv.Itoa(attempt)
	}
	answer, err := c.ask(ctx, http1.Request{Method: "GET", Target: target, Repeatable: true}, 0)
	return string(answer.Body), err
}
