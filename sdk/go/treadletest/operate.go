package treadletest

import (
	"encoding/json"
	"fmt"

	"treadle"
	"treadle/internal/http1"
	"treadle/internal/status"
	"treadle/internal/wire"
)

// edit has the fields of a request that an edit may change. It keeps what is absent.
func (m *Memory) edit(found *task, body []byte) error {
	isEnded := found.State == treadle.StateDead || found.State == treadle.StateCancelled
	if !found.isWaiting() && !isEnded {
		return status.New(status.FailedPrecondition, fmt.Sprintf("task %s is %s", found.ID, found.State))
	}
	var asked request
	if err := json.Unmarshal(body, &asked); err != nil {
		return status.New(status.InvalidArgument, err.Error())
	}
	if asked.Payload != nil || asked.PayloadBase64 != nil {
		found.request.Payload, found.request.PayloadBase64 = asked.Payload, asked.PayloadBase64
		found.request.ContentType = asked.ContentType
		found.ContentType, found.PayloadBytes = found.payload().ContentType, int64(len(found.payload().Data))
	}
	if asked.Queue != "" {
		found.Queue = asked.Queue
	}
	if asked.Priority != nil {
		found.Priority = *asked.Priority
	}
	if asked.MaxAttempts != 0 {
		found.MaxAttempts = asked.MaxAttempts
	}
	if at := later(m.now, asked.DelayMs, asked.RunAt); !at.IsZero() && found.isWaiting() {
		found.RunAt = at
		found.wait(treadle.StateScheduled, at)
		if !at.After(m.now) {
			found.wait(treadle.StateReady, m.now)
		}
	}
	return nil
}

func (t *task) result() (http1.Answer, error) {
	if t.State != treadle.StateCompleted {
		return http1.Answer{}, status.New(status.FailedPrecondition, fmt.Sprintf("task %s is %s; it has no result", t.ID, t.State))
	}
	data := t.ResultBytes
	if data == nil {
		data = t.ResultJSON
	}
	return http1.Answer{HTTPStatus: 200, ContentType: t.ResultContentType, Body: data}, nil
}

// past returns the history.
func (t *task) past() *treadle.History {
	past := &treadle.History{ID: t.ID, Attempts: t.history}
	for name, result := range t.steps {
		step := treadle.StepInfo{Name: name, ResultJSON: result.Data}
		if result.ContentType != wire.JSON {
			step = treadle.StepInfo{Name: name, ResultBytes: result.Data, ContentType: result.ContentType}
		}
		past.Steps = append(past.Steps, step)
	}
	if saved := t.checkpoint; saved != nil {
		past.Checkpoint = &treadle.CheckpointInfo{Bytes: int64(len(saved.Data)), DataJSON: saved.Data}
		if saved.ContentType != wire.JSON {
			past.Checkpoint.DataJSON, past.Checkpoint.DataBytes = nil, saved.Data
			past.Checkpoint.ContentType = saved.ContentType
		}
	}
	return past
}

func (m *Memory) explain(found *task) *treadle.Explanation {
	why := &treadle.Explanation{ID: found.ID, State: found.State, Queue: found.Queue, Type: found.Type,
		Reason: string(found.State), Summary: "The task is " + string(found.State) + "."}
	if m.handles(found.Type) {
		why.Workers = 1
	}
	for _, each := range m.tasks {
		goesFirst := each.Priority > found.Priority || each.Priority == found.Priority && each.added < found.added
		if each.State == treadle.StateReady && each.Type == found.Type && each.Queue == found.Queue && goesFirst {
			why.Ahead++
		}
	}
	switch {
	case found.State == treadle.StateScheduled:
		why.Reason, why.Next = "not_due", "Advance the clock."
	case found.State == treadle.StateRetrying:
		why.Reason, why.Next = "backing_off", "Advance the clock."
	case found.State == treadle.StateReady && why.Workers == 0:
		why.Reason, why.Next = "no_worker", "Give the worker a handler for "+found.Type+"."
	case found.State == treadle.StateReady:
		why.Reason, why.Next = "about_to_start", "Call Run."
	}
	return why
}
