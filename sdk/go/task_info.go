package treadle

import (
	"encoding/json"
	"time"

	"treadle/internal/wire"
)

// TaskInfo is a task as the server shows it. What does not apply is zero.
type TaskInfo struct {
	ID              string    `json:"id"`
	Type            string    `json:"type"`
	Queue           string    `json:"queue"`
	State           State     `json:"state"`
	Priority        int       `json:"priority"`
	Attempt         int       `json:"attempt"` // spent, a running one included
	MaxAttempts     int       `json:"max_attempts"`
	Tags            []string  `json:"tags"`
	Key             string    `json:"idempotency_key"`
	ContractVersion int64     `json:"contract_version"`
	EnqueuedAt      time.Time `json:"enqueued_at"`
	RunAt           time.Time `json:"run_at"`          // of a scheduled task
	NextAttemptAt   time.Time `json:"next_attempt_at"` // of a retrying task, by ID only
	StartedAt       time.Time `json:"started_at"`      // of the last attempt
	FinishedAt      time.Time `json:"finished_at"`
	ExpiresAt       time.Time `json:"expires_at"`
	DeadlineAt      time.Time `json:"deadline_at"`
	// AttemptTimeoutMs is set if the task has a limit of its own.
	AttemptTimeoutMs int64 `json:"attempt_timeout_ms"`
	// Retry is set if the task has a policy of its own.
	Retry           *RetryPolicy `json:"retry"`
	Worker          string       `json:"worker"`        // of a running task
	WorkerLosses    int          `json:"worker_losses"` // leases lost by workers that died or stalled
	CancelRequested bool         `json:"cancel_requested"`
	Sensitive       bool         `json:"sensitive"`
	// Traceparent is the W3C trace context of the producer, by ID only.
	Traceparent  string `json:"traceparent"`
	ContentType  string `json:"content_type"` // of the payload
	PayloadBytes int64  `json:"payload_bytes"`
	// PayloadSHA256 is that of the exact bytes, as hexadecimal digits; by ID only.
	PayloadSHA256 string `json:"payload_sha256"`
	// Progress is how far the handler of a running task says it is, by ID only.
	Progress *TaskProgress `json:"progress"`
	// Error is that of the last attempt that failed. Of a canceled task it says why.
	Error TaskFailure `json:"error"`

	ResultSize        int64           `json:"result_bytes"`
	ResultContentType string          `json:"result_content_type"`
	ResultJSON        json.RawMessage `json:"result"`
	ResultBytes       []byte          `json:"result_base64"`
}

// TaskProgress is how far a task is.
type TaskProgress struct {
	Fraction float64   `json:"fraction"`
	Message  string    `json:"message"`
	At       time.Time `json:"at"`
}

// TaskFailure is the last error of a task.
type TaskFailure struct {
	Code        string `json:"code"`
	Message     string `json:"message"`
	Fingerprint string `json:"fingerprint"`
}

// ReadResult reads the result of a completed task into a pointer, like TaskHandle.Result.
func (t *TaskInfo) ReadResult(into any) error {
	if t.State != StateCompleted {
		return &TaskError{ID: t.ID, State: t.State, Code: t.Error.Code, Message: t.Error.Message}
	}
	blob := wire.Blob{Data: t.ResultJSON, ContentType: t.ResultContentType}
	if blob.ContentType == "" {
		blob.ContentType = wire.JSON
	}
	if t.ResultBytes != nil || !blob.IsJSON() {
		blob.Data = t.ResultBytes
	}
	if blob.IsJSON() && len(blob.Data) == 0 {
		blob.Data = []byte("null")
	}
	return readBlob(blob, into, "result")
}
