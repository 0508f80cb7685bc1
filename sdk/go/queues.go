package treadle

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"treadle/internal/http1"
)

// QueueInfo is a queue as the server shows it.
type QueueInfo struct {
	Name string `json:"name"`
	// Tasks counts those that are kept, by state. It is exact.
	Tasks map[State]int64 `json:"tasks"`
	// Accepted counts the tasks that ever came; Removed, those that are no longer kept, by reason.
	Accepted int64            `json:"accepted"`
	Removed  map[string]int64 `json:"removed"`
	// Conditions say why it takes no tasks or gives none: "paused", "draining", "full", "no_worker".
	Conditions []string    `json:"conditions"`
	Policy     QueuePolicy `json:"policy"`
	// Created says that the change made the queue.
	Created bool `json:"created"`
}

// QueuePolicy is how a queue treats its tasks. In a change, what is zero or nil stays as it is.
type QueuePolicy struct {
	Retry             *RetryPolicy
	Retention         *Retention
	Lease             time.Duration // how long a worker has a task without renewing that
	IdempotencyWindow time.Duration // for how long a key admits no other task
	CancelGrace       *time.Duration
	AttemptTimeout    *time.Duration // 0: as long as the worker renews its lease
	MaxWorkerLosses   int
	Capacity          *Capacity
	Draining          *bool // it takes no task
	Paused            *bool // it gives no task to workers
	SearchPayloads    *bool // lists find tasks by words of their payloads
}

// Retention says how long ended tasks are kept. In a change, what is nil stays as it is.
type Retention struct {
	CompletedTasks *int64
	Completed      *time.Duration
	CompletedBytes *int64
	Dead           *time.Duration
}

// Capacity bounds what may wait or run in a queue. In a change, what is nil or empty stays as it is.
type Capacity struct {
	Tasks    *int64 `json:"tasks,omitempty"`     // 0: no bound
	Bytes    *int64 `json:"bytes,omitempty"`     // of payloads; 0: no bound
	WhenFull string `json:"when_full,omitempty"` // "reject" or "shed"
}

type queuePolicyJSON struct {
	Retry             *RetryPolicy `json:"retry,omitempty"`
	Retention         *Retention   `json:"retention,omitempty"`
	Lease             *ms          `json:"lease_ms,omitempty"`
	IdempotencyWindow *ms          `json:"idempotency_window_ms,omitempty"`
	CancelGrace       *ms          `json:"cancel_grace_ms,omitempty"`
	AttemptTimeout    *ms          `json:"attempt_timeout_ms,omitempty"`
	MaxWorkerLosses   int          `json:"max_worker_losses,omitempty"`
	Capacity          *Capacity    `json:"capacity,omitempty"`
	Draining          *bool        `json:"draining,omitempty"`
	Paused            *bool        `json:"paused,omitempty"`
	SearchPayloads    *bool        `json:"search_payloads,omitempty"`
}

type retentionJSON struct {
	CompletedTasks *int64 `json:"completed_tasks,omitempty"`
	Completed      *ms    `json:"completed_ms,omitempty"`
	CompletedBytes *int64 `json:"completed_bytes,omitempty"`
	Dead           *ms    `json:"dead_ms,omitempty"`
}

// MarshalJSON writes the policy with the names of the API.
func (p QueuePolicy) MarshalJSON() ([]byte, error) {
	return json.Marshal(&queuePolicyJSON{p.Retry, p.Retention, unlessZero(p.Lease), unlessZero(p.IdempotencyWindow),
		(*ms)(p.CancelGrace), (*ms)(p.AttemptTimeout), p.MaxWorkerLosses, p.Capacity, p.Draining, p.Paused, p.SearchPayloads})
}

// UnmarshalJSON reads a policy of the API.
func (p *QueuePolicy) UnmarshalJSON(text []byte) error {
	var read queuePolicyJSON
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	*p = QueuePolicy{read.Retry, read.Retention, read.Lease.orZero(), read.IdempotencyWindow.orZero(),
		(*time.Duration)(read.CancelGrace), (*time.Duration)(read.AttemptTimeout), read.MaxWorkerLosses,
		read.Capacity, read.Draining, read.Paused, read.SearchPayloads}
	return nil
}

// MarshalJSON writes the retention with the names of the API.
func (r Retention) MarshalJSON() ([]byte, error) {
	return json.Marshal(&retentionJSON{r.CompletedTasks, (*ms)(r.Completed), r.CompletedBytes, (*ms)(r.Dead)})
}

// UnmarshalJSON reads a retention of the API.
func (r *Retention) UnmarshalJSON(text []byte) error {
	var read retentionJSON
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	*r = Retention{read.CompletedTasks, (*time.Duration)(read.Completed), read.CompletedBytes, (*time.Duration)(read.Dead)}
	return nil
}

// GetQueue returns a queue as it is now.
func (c *Client) GetQueue(ctx context.Context, queue string) (*QueueInfo, error) {
	return c.queue(ctx, "GET", queue, "", nil)
}

// ListQueues returns all queues.
func (c *Client) ListQueues(ctx context.Context) (queues []QueueInfo, err error) {
	err = pages("/v1/queues", func(target string) (string, error) {
		var page struct {
			Queues     []QueueInfo `json:"queues"`
			NextCursor string      `json:"next_cursor"`
		}
		err := c.get(ctx, target, 0, &page)
		queues = append(queues, page.Queues...)
		return page.NextCursor, err
	})
	return queues, err
}

// pages asks for one page after the other.
func pages(target string, ask func(target string) (next string, err error)) error {
	next, err := ask(target)
	for err == nil && next != "" {
		next, err = ask(target + "?cursor=" + url.QueryEscape(next))
	}
	return err
}

// PutQueue changes the policy of a queue, and creates the queue if it does not exist.
func (c *Client) PutQueue(ctx context.Context, queue string, policy QueuePolicy) (*QueueInfo, error) {
	body, err := json.Marshal(policy)
	if err != nil {
		return nil, err
	}
	return c.queue(ctx, "PUT", queue, "", body)
}

// PauseQueue has the queue give no more tasks to workers. What runs continues.
func (c *Client) PauseQueue(ctx context.Context, queue string) (*QueueInfo, error) {
	return c.queue(ctx, "POST", queue, "/pause", []byte("{}"))
}

// ResumeQueue ends a pause.
func (c *Client) ResumeQueue(ctx context.Context, queue string) (*QueueInfo, error) {
	return c.queue(ctx, "POST", queue, "/resume", []byte("{}"))
}

// DeleteQueue removes a queue that has no tasks, with its policy.
func (c *Client) DeleteQueue(ctx context.Context, queue string) error {
	_, err := c.queue(ctx, "DELETE", queue, "", nil)
	return err
}

func (c *Client) queue(ctx context.Context, method, queue, verb string, body []byte) (*QueueInfo, error) {
	found := new(QueueInfo)
	err := c.send(ctx, http1.Request{Method: method, Target: "/v1/queues/" + url.PathEscape(queue) + verb,
		Body: body, Repeatable: true}, found)
	if err != nil {
		return nil, err
	}
	return found, nil
}
