package treadle

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"treadle/internal/wire"
)

// Explanation says why a task does not run, and what would change that.
type Explanation struct {
	ID    string `json:"id"`
	State State  `json:"state"`
	Queue string `json:"queue"`
	Type  string `json:"type"`
	// Reason is for programs: "no_worker", "workers_busy", "queue_paused", "not_due" and so on.
	Reason string `json:"reason"`
	// Summary and Next are for people. Next says what would change it; empty: nothing would.
	Summary     string `json:"summary"`
	Next        string `json:"next"`
	QueuePaused bool   `json:"queue_paused"`
	// Ahead is how many ready tasks of its queue and type go first. MoreAhead: there are more, which
	// were not counted.
	Ahead     int  `json:"ahead"`
	MoreAhead bool `json:"more_ahead"`
	// Workers is how many ask for its queue and type; WorkersFree, how many of them wait right now.
	Workers     int `json:"workers"`
	WorkersFree int `json:"workers_free"`
}

// Explain returns why a task does not run.
func (c *Client) Explain(ctx context.Context, id string) (*Explanation, error) {
	found := new(Explanation)
	if err := c.get(ctx, "/v1/tasks/"+url.PathEscape(id)+"/explain", 0, found); err != nil {
		return nil, err
	}
	return found, nil
}

// History is what has happened to a task so far.
type History struct {
	ID string `json:"id"`
	// Attempts are the newest 1,000, the oldest first.
	Attempts []AttemptInfo `json:"attempts"`
	// Steps are those that are finished. A completed task has none any more.
	Steps []StepInfo `json:"steps"`
	// Checkpoint is the last one that was saved. nil: none was.
	Checkpoint *CheckpointInfo `json:"checkpoint"`
}

// AttemptInfo is one attempt. What does not apply is zero.
type AttemptInfo struct {
	// Attempt counts leases, the unspent ones included.
	Attempt int `json:"attempt"`
	// Outcome is "running", "completed", "failed", "lost", "timed_out", "released", "snoozed",
	// "discarded" or "cancelled".
	Outcome   string       `json:"outcome"`
	Worker    string       `json:"worker"`
	Build     string       `json:"build"`
	ReadyAt   time.Time    `json:"ready_at"`
	WaitedMs  int64        `json:"waited_ms"`
	StartedAt time.Time    `json:"started_at"`
	EndedAt   time.Time    `json:"ended_at"`
	RanMs     int64        `json:"ran_ms"`
	BackoffMs int64        `json:"backoff_ms"` // the wait before the next attempt
	Error     AttemptError `json:"error"`
}

// AttemptError is how an attempt failed.
type AttemptError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// StepInfo is a finished step. A sensitive task does not show the result.
type StepInfo struct {
	Name        string          `json:"name"`
	ResultJSON  json.RawMessage `json:"result"`
	ResultBytes []byte          `json:"result_base64"`
	ContentType string          `json:"content_type"` // empty: JSON
}

// ReadResult reads the result into a pointer, like TaskHandle.Result.
func (s *StepInfo) ReadResult(into any) error {
	return readBlob(savedBlob(s.ResultJSON, s.ResultBytes, s.ContentType), into, "step "+s.Name)
}

// CheckpointInfo is a checkpoint. A sensitive task does not show the data.
type CheckpointInfo struct {
	Bytes       int64           `json:"bytes"`
	DataJSON    json.RawMessage `json:"data"`
	DataBytes   []byte          `json:"data_base64"`
	ContentType string          `json:"content_type"` // empty: JSON
}

// ReadData reads what was saved into a pointer, like TaskHandle.Result.
func (i *CheckpointInfo) ReadData(into any) error {
	return readBlob(savedBlob(i.DataJSON, i.DataBytes, i.ContentType), into, "checkpoint")
}

func savedBlob(text json.RawMessage, data []byte, contentType string) wire.Blob {
	switch {
	case data != nil:
		return wire.Blob{Data: data, ContentType: contentType}
	case text == nil:
		text = json.RawMessage("null")
	}
	return wire.Blob{Data: text, ContentType: wire.JSON}
}

// Attempts returns every attempt at a task, and what they saved.
func (c *Client) Attempts(ctx context.Context, id string) (*History, error) {
	found := new(History)
	if err := c.get(ctx, "/v1/tasks/"+url.PathEscape(id)+"/attempts", 0, found); err != nil {
		return nil, err
	}
	return found, nil
}
