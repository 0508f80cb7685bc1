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
	body := []byte("{}")
	if reason != "" {
		body = append(jsonx.AppendString([]byte(`{"reason":`), reason), '}')
	}
	return c.change(ctx, id, "cancel", body)
}

// Redrive makes a dead, cancelled or expired task ready again.
func (c *Client) Redrive(ctx context.Context, id string) (State, error) {
	return c.change(ctx, id, "redrive", []byte("{}"))
}

// RunNow does not let a task wait for its time or its backoff.
func (c *Client) RunNow(ctx context.Context, id string) (State, error) {
	return c.change(ctx, id, "run-now", []byte("{}"))
}

// Release takes the lease of a running task back from its worker. The attempt is not spent.
func (c *Client) Release(ctx context.Context, id string) (State, error) {
	return c.change(ctx, id, "release", []byte("{}"))
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
