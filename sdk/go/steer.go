package treadle

import (
	"context"
	"net/url"

	"treadle/internal/http1"
	"treadle/internal/jsonx"
)

// Cancel ends a task that waits, at once, and asks the worker of one that runs to stop. reason is for
// people and may be empty. ErrFailedPrecondition: it has ended in another way. The state is that of
// the task now.
func (c *Client) Cancel(ctx context.Context, id, reason string) (State, error) {
	return c.change(ctx, id, "cancel", reasonOf(reason))
}

func reasonOf(reason string) []byte {
	if reason == "" {
		return []byte("{}")
	}
	return append(jsonx.AppendString([]byte(`{"reason":`), reason), '}')
}

// Redrive makes a dead, canceled or expired task ready again.
func (c *Client) Redrive(ctx context.Context, id string) (State, error) {
	return c.change(ctx, id, "redrive", []byte("{}"))
}

// RunNow does not let a task wait for its time or its backoff.
func (c *Client) RunNow(ctx context.Context, id string) (State, error) {
	return c.change(ctx, id, "run-now", []byte("{}"))
}

// Release takes the lease of a running task back from its worker, which is stuck or gone for good. The
// attempt is not spent. reason is kept in the history and may be empty. A request whose answer is lost
// is not repeated: it might take the lease of the next worker.
func (c *Client) Release(ctx context.Context, id, reason string) (State, error) {
	var standing struct {
		State State `json:"state"`
	}
	err := c.send(ctx, http1.Request{Method: "POST", Target: "/v1/tasks/" + url.PathEscape(id) + "/release",
		Body: reasonOf(reason)}, &standing)
	return standing.State, err
}

// Delete removes a task that waits or has ended.
func (c *Client) Delete(ctx context.Context, id string) error {
	_, err := c.ask(ctx, http1.Request{Method: "DELETE", Target: "/v1/tasks/" + url.PathEscape(id),
		Repeatable: true}, 0)
	return err
}

func (c *Client) change(ctx context.Context, id, verb string, body []byte) (State, error) {
	var standing struct {
		State State `json:"state"`
	}
	err := c.post(ctx, "/v1/tasks/"+url.PathEscape(id)+"/"+verb, body, &standing)
	return standing.State, err
}
