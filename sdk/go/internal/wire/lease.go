package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
)

// Lease is the right to run one attempt.
type Lease struct {
	Token           string
	ID              string
	Queue           string
	Type            string
	Attempt         int
	MaxAttempts     int
	LeaseTime       time.Duration
	Timeout         time.Duration // from its arrival until the server revokes it; 0: nothing limits it
	ContractVersion int64         // 0: the type has no contract
	EnqueuedAt      time.Time
	DeadlineAt      time.Time // of the task; zero: it has none
	Payload         Blob
	IsDamaged       bool // the payload does not have its SHA-256
	IsSensitive     bool
	Traceparent     string // empty: the server does not hand it on
	Steps           map[string]Blob
	Checkpoint      *Blob
}

type leaseJSON struct {
	Token           string          `json:"token"`
	ID              string          `json:"id"`
	Queue           string          `json:"queue"`
	Type            string          `json:"type"`
	Attempt         int             `json:"attempt"`
	MaxAttempts     int             `json:"max_attempts"`
	LeaseMs         int64           `json:"lease_ms"`
	TimeoutMs       int64           `json:"timeout_ms"`
	ContractVersion int64           `json:"contract_version"`
	EnqueuedAt      time.Time       `json:"enqueued_at"`
	DeadlineAt      time.Time       `json:"deadline_at"`
	ContentType     string          `json:"content_type"`
	SHA256          string          `json:"payload_sha256"`
	Payload         json.RawMessage `json:"payload"`
	PayloadBase64   []byte          `json:"payload_base64"`
	Sensitive       bool            `json:"sensitive"`
	Traceparent     string          `json:"traceparent"`
	Steps           []stepJSON      `json:"steps"`
	Checkpoint      *savedJSON      `json:"checkpoint"`
}

type stepJSON struct {
	Name         string          `json:"name"`
	Result       json.RawMessage `json:"result"`
	ResultBase64 []byte          `json:"result_base64"`
	ContentType  string          `json:"content_type"`
}

type savedJSON struct {
	Data        json.RawMessage `json:"data"`
	DataBase64  []byte          `json:"data_base64"`
	ContentType string          `json:"content_type"`
}

// ParseLease reads one lease.
func ParseLease(text []byte) (*Lease, error) {
	var read leaseJSON
	if err := json.Unmarshal(text, &read); err != nil {
		return nil, err
	}
	return read.lease(), nil
}

func (l *leaseJSON) lease() *Lease {
	lease := &Lease{
		Token: l.Token, ID: l.ID, Queue: l.Queue, Type: l.Type,
		Attempt: l.Attempt, MaxAttempts: l.MaxAttempts,
		LeaseTime:       milliseconds(l.LeaseMs),
		Timeout:         milliseconds(l.TimeoutMs),
		ContractVersion: l.ContractVersion,
		EnqueuedAt:      l.EnqueuedAt, DeadlineAt: l.DeadlineAt,
		Payload:     blobOf(l.Payload, l.PayloadBase64, l.ContentType),
		IsSensitive: l.Sensitive,
		Traceparent: l.Traceparent,
	}
	lease.IsDamaged = !hasSHA256(lease.Payload.Data, l.SHA256)
	if len(l.Steps) > 0 {
		lease.Steps = make(map[string]Blob, len(l.Steps))
		for _, step := range l.Steps {
			lease.Steps[step.Name] = blobOf(step.Result, step.ResultBase64, step.ContentType)
		}
	}
	if l.Checkpoint != nil {
		saved := blobOf(l.Checkpoint.Data, l.Checkpoint.DataBase64, l.Checkpoint.ContentType)
		lease.Checkpoint = &saved
	}
	return lease
}

func hasSHA256(data []byte, wanted string) bool {
	sum := sha256.Sum256(data)
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], sum[:])
	return string(text[:]) == wanted || strings.EqualFold(string(text[:]), wanted)
}

// milliseconds returns at most a year, longer than any limit of the server means.
func milliseconds(ms int64) time.Duration {
	const year = 365 * 24 * 3600 * 1000
	if ms > year {
		ms = year
	}
	return time.Duration(ms) * time.Millisecond
}
