package treadletest

import (
	"encoding/json"
	"fmt"
	"sort"
	"time"

	"treadle"
	"treadle/internal/station"
	"treadle/internal/wire"
)

const (
	priorityDefault = 5
	keyWindow       = 24 * time.Hour
)

// request is a task as the client asks for it, with the names of the API.
type request struct {
	Type                string          `json:"type"`
	Queue               string          `json:"queue"`
	Payload             json.RawMessage `json:"payload"`
	PayloadBase64       []byte          `json:"payload_base64"`
	ContentType         string          `json:"content_type"`
	Priority            *int            `json:"priority"`
	MaxAttempts         int             `json:"max_attempts"`
	ContractVersion     int64           `json:"contract_version"`
	Tags                []string        `json:"tags"`
	DelayMs             int64           `json:"delay_ms"`
	RunAt               time.Time       `json:"run_at"`
	ExpiresMs           int64           `json:"expires_ms"`
	ExpiresAt           time.Time       `json:"expires_at"`
	DeadlineMs          int64           `json:"deadline_ms"`
	DeadlineAt          time.Time       `json:"deadline_at"`
	Retry               policy          `json:"retry"`
	IdempotencyKey      string          `json:"idempotency_key"`
	IdempotencyWindowMs int64           `json:"idempotency_window_ms"`
	UniqueWhile         string          `json:"unique_while"`
	OnDuplicate         string          `json:"on_duplicate"`
	Sensitive           bool            `json:"sensitive"`
	Traceparent         string          `json:"traceparent"`
}

// task is one that was enqueued. The mutex of Memory guards it.
type task struct {
	treadle.TaskInfo
	added      int // the how many-th it is
	request    request
	text       string // of the request, to compare
	dueAt      time.Time
	leases     int // attempts, the unspent ones included
	failedAt   time.Time
	attempt    *station.Attempt // that runs, or ran last
	steps      map[string]wire.Blob
	checkpoint *wire.Blob
	logs       map[int]string // by lease
	history    []treadle.AttemptInfo
	// releasedWhy is why its lease was taken back, the last time that was so.
	releasedWhy string
}

func newTask(id string, asked request, text string, now time.Time) *task {
	t := &task{request: asked, text: text, dueAt: now, steps: map[string]wire.Blob{}, logs: map[int]string{}}
	t.ID, t.Type, t.Queue, t.State = id, asked.Type, asked.Queue, treadle.StateReady
	t.Priority = priorityDefault
	if asked.Priority != nil {
		t.Priority = *asked.Priority
	}
	t.request.Retry.fill()
	t.MaxAttempts = asked.MaxAttempts
	if t.MaxAttempts == 0 {
		t.MaxAttempts = t.request.Retry.MaxAttempts
	}
	t.Tags = append([]string{}, asked.Tags...)
	sort.Strings(t.Tags)
	t.Key, t.Sensitive, t.ContractVersion = asked.IdempotencyKey, asked.Sensitive, asked.ContractVersion
	t.Traceparent = asked.Traceparent
	t.ContentType = t.payload().ContentType
	t.PayloadBytes = int64(len(t.payload().Data))
	t.EnqueuedAt = now
	t.ExpiresAt = later(now, asked.ExpiresMs, asked.ExpiresAt)
	t.DeadlineAt = later(now, asked.DeadlineMs, asked.DeadlineAt)
	if at := later(now, asked.DelayMs, asked.RunAt); at.After(now) {
		t.State, t.dueAt, t.RunAt = treadle.StateScheduled, at, at
	}
	return t
}

func later(now time.Time, ms int64, at time.Time) time.Time {
	if ms > 0 {
		return now.Add(time.Duration(ms) * time.Millisecond)
	}
	return at
}

func (t *task) payload() wire.Blob {
	if t.request.PayloadBase64 != nil {
		return wire.Blob{Data: t.request.PayloadBase64, ContentType: t.request.ContentType}
	}
	if t.request.Payload == nil {
		return wire.Blob{Data: []byte("null"), ContentType: wire.JSON}
	}
	return wire.Blob{Data: t.request.Payload, ContentType: wire.JSON}
}

func (t *task) isWaiting() bool {
	return t.State == treadle.StateScheduled || t.State == treadle.StateReady || t.State == treadle.StateRetrying
}

func (t *task) lease() *wire.Lease {
	steps := map[string]wire.Blob{}
	for name, result := range t.steps {
		steps[name] = result
	}
	return &wire.Lease{
		Token: fmt.Sprintf("%s.%d.1", t.ID, t.leases), ID: t.ID, Queue: t.Queue, Type: t.Type,
		Attempt: t.Attempt, MaxAttempts: t.MaxAttempts, EnqueuedAt: t.EnqueuedAt, DeadlineAt: t.DeadlineAt,
		ContractVersion: t.ContractVersion, Payload: t.payload(), IsSensitive: t.Sensitive,
		Traceparent: t.Traceparent,
		Steps:       steps, Checkpoint: t.checkpoint,
	}
}

func (t *task) end(state treadle.State, now time.Time, code, message string) {
	t.State, t.FinishedAt = state, now
	if code != "" {
		t.Error = treadle.TaskFailure{Code: code, Message: message}
	}
}

func (t *task) wait(state treadle.State, until time.Time) {
	t.State, t.dueAt = state, until
}

// save keeps what the running attempt saves, and returns the size of its log.
func (t *task) save(update *wire.Update) int {
	if update.Step != nil {
		t.steps[update.StepName] = *update.Step
	}
	if update.Checkpoint != nil {
		t.checkpoint = update.Checkpoint
	}
	if update.Progress != nil {
		t.Progress = &treadle.TaskProgress{Fraction: update.Progress.Fraction, Message: update.Progress.Message}
	}
	if update.Log != nil {
		t.logs[t.leases] += update.Log.Text
	}
	return len(t.logs[t.leases])
}
