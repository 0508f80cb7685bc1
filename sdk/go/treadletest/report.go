package treadletest

import (
	"encoding/json"
	"time"

	"treadle"
	"treadle/internal/station"
	"treadle/internal/wire"
)

type report struct {
	Outcome      string          `json:"outcome"`
	Result       json.RawMessage `json:"result"`
	ResultBase64 []byte          `json:"result_base64"`
	ContentType  string          `json:"content_type"`
	Error        struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	Retry   *bool  `json:"retry"`
	DelayMs *int64 `json:"delay_ms"`
	Log     struct {
		Text string `json:"text"`
	} `json:"log"`
}

// apply ends the attempt as the server would.
func (t *task) apply(text []byte, now time.Time) {
	var told report
	if err := json.Unmarshal(text, &told); err != nil {
		panic(err)
	}
	t.logs[t.leases] += told.Log.Text
	t.Progress, t.CancelRequested = nil, false
	isCancelled := t.attempt.Cause() == station.Requested
	attempt := &t.history[len(t.history)-1]
	attempt.Outcome, attempt.EndedAt, attempt.RanMs = told.Outcome, now, now.Sub(t.StartedAt).Milliseconds()
	attempt.Error = treadle.AttemptError{Code: told.Error.Code, Message: told.Error.Message}
	if t.attempt.Cause() == station.LeaseLost {
		attempt.Outcome, attempt.Error = wire.Released, treadle.AttemptError{Code: "released_by_hand", Message: t.releasedWhy}
		t.Attempt--
		t.wait(treadle.StateReady, now)
		return
	}
	if isCancelled && told.Outcome != wire.Completed && told.Outcome != wire.Discarded {
		attempt.Outcome = "cancelled"
	}
	switch {
	case told.Outcome == wire.Completed:
		t.ResultJSON, t.ResultBytes = told.Result, told.ResultBase64
		if t.ResultContentType = told.ContentType; told.ContentType == "" {
			t.ResultContentType = wire.JSON
		}
		t.steps, t.checkpoint = map[string]wire.Blob{}, nil
		t.end(treadle.StateCompleted, now, "", "")
	case told.Outcome == wire.Discarded:
		t.end(treadle.StateCancelled, now, told.Error.Code, told.Error.Message)
	case isCancelled:
		t.end(treadle.StateCancelled, now, "asked", "")
	case told.Outcome == wire.Failed:
		t.fail(&told, now)
	case told.DelayMs != nil && *told.DelayMs > 0:
		t.Attempt--
		t.wait(treadle.StateScheduled, now.Add(time.Duration(*told.DelayMs)*time.Millisecond))
	default:
		t.Attempt--
		t.wait(treadle.StateReady, now)
	}
}

func (t *task) fail(told *report, now time.Time) {
	policy := &t.request.Retry
	t.Error = treadle.TaskFailure{Code: told.Error.Code, Message: told.Error.Message}
	if t.failedAt.IsZero() {
		t.failedAt = now
	}
	wait := policy.backoff(t.Attempt)
	if told.DelayMs != nil {
		wait = time.Duration(*told.DelayMs) * time.Millisecond
	}
	retries := told.Retry == nil || *told.Retry || contains(policy.Always, told.Error.Code)
	total := time.Duration(policy.TotalMs) * time.Millisecond
	isLate := total > 0 && now.Add(wait).After(t.failedAt.Add(total))
	if !retries || contains(policy.Never, told.Error.Code) || t.Attempt >= t.MaxAttempts || isLate {
		t.end(treadle.StateDead, now, "", "")
		return
	}
	t.history[len(t.history)-1].BackoffMs = wait.Milliseconds()
	t.wait(treadle.StateRetrying, now.Add(wait))
	t.NextAttemptAt = t.dueAt
}

func contains(all []string, wanted string) bool {
	for _, each := range all {
		if each == wanted {
			return true
		}
	}
	return false
}
