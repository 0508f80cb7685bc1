package treadle

import (
	"context"
	"net/url"
	"time"

	"treadle/internal/http1"
	"treadle/internal/status"
)

// The actions of a bulk.
const (
	BulkRunNow  = "run_now"
	BulkCancel  = "cancel"
	BulkRedrive = "redrive"
	BulkEdit    = "edit"
	BulkDelete  = "delete"
	BulkRelease = "release"
)

// BulkRequest is what to do with every task that a filter finds.
type BulkRequest struct {
	// Action is one of BulkRunNow, BulkCancel, BulkRedrive, BulkEdit, BulkDelete and BulkRelease.
	Action string
	// CountOnly finds the tasks and changes nothing. Do that first.
	CountOnly bool
	// Rate is how many tasks a second at most. 0: as fast as possible.
	Rate int
	// Reason is that of a cancellation.
	Reason string
	// Edit goes with BulkEdit.
	Edit *Edit
}

// Bulk is an action that the server carries out, one task after the other.
type Bulk struct {
	ID        string `json:"id"`
	Action    string `json:"action"`
	CountOnly bool   `json:"count_only"`
	Rate      int    `json:"rate"`
	// State is "pending", "running", "done", "stopped" or "failed".
	State string `json:"state"`
	// Found, Changed and Skipped count tasks so far.
	Found      int64     `json:"found"`
	Changed    int64     `json:"changed"`
	Skipped    int64     `json:"skipped"`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"` // zero until it has ended
	Error      string    `json:"error"`       // why it failed
}

// HasEnded reports whether nothing more happens.
func (b *Bulk) HasEnded() bool {
	return b.State == "done" || b.State == "stopped" || b.State == "failed"
}

// StartBulk applies an action to every task that a filter finds. The filter must have at least one
// field, and neither Results nor Limit nor Cursor. The action continues after the return: see WaitBulk.
// The request is not repeated if its response is lost. ErrUnavailable then says that it is not known
// whether the action has begun.
func (c *Client) StartBulk(ctx context.Context, filter Filter, request BulkRequest) (*Bulk, error) {
	if filter.Results || filter.Limit != 0 || filter.Cursor != "" {
		return nil, status.Wrong("filter", "the filter of a bulk has no Results, Limit or Cursor")
	}
	w := fieldWriter{out: []byte{'{'}, isFirst: true}
	w.text("action", request.Action)
	w.flag("count_only", request.CountOnly)
	w.positive("rate", int64(request.Rate))
	w.text("reason", request.Reason)
	if request.Edit != nil {
		edit, err := request.Edit.encode()
		if err != nil {
			return nil, err
		}
		w.name("edit")
		w.out = append(w.out, edit...)
	}
	begun := new(Bulk)
	err := c.send(ctx, http1.Request{Method: "POST", Target: "/v1/bulk?" + filter.query().Encode(),
		Body: append(w.out, '}')}, begun)
	if err != nil {
		return nil, err
	}
	return begun, nil
}

// GetBulk returns a bulk as it is now.
func (c *Client) GetBulk(ctx context.Context, id string) (*Bulk, error) {
	found := new(Bulk)
	if err := c.get(ctx, "/v1/bulk/"+url.PathEscape(id), 0, found); err != nil {
		return nil, err
	}
	return found, nil
}

// WaitBulk returns a bulk once it has ended.
func (c *Client) WaitBulk(ctx context.Context, id string) (*Bulk, error) {
	for {
		found, err := c.GetBulk(ctx, id)
		if err != nil || found.HasEnded() {
			return found, err
		}
		if !http1.Sleep(ctx, betweenLooks) {
			return nil, http1.FromContext(ctx)
		}
	}
}

// ListBulk returns the bulks that have not ended, and the last ones that have; the newest first.
func (c *Client) ListBulk(ctx context.Context) ([]Bulk, error) {
	var found struct {
		Bulk []Bulk `json:"bulk"`
	}
	err := c.get(ctx, "/v1/bulk", 0, &found)
	return found.Bulk, err
}

// StopBulk ends a bulk. What it has changed stays changed.
func (c *Client) StopBulk(ctx context.Context, id string) (*Bulk, error) {
	stopped := new(Bulk)
	if err := c.post(ctx, "/v1/bulk/"+url.PathEscape(id)+"/stop", []byte("{}"), stopped); err != nil {
		return nil, err
	}
	return stopped, nil
}
