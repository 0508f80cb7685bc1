package treadletest

import (
	"encoding/json"
	"fmt"
	"time"

	"treadle"
	"treadle/internal/http1"
	"treadle/internal/status"
)

// heldKey is an idempotency key that a task holds.
type heldKey struct {
	task  *task
	until time.Time // zero: by unique_while
}

func (m *Memory) enqueueOne(body []byte) (http1.Answer, error) {
	m.mutex.Lock()
	enqueued, err := m.add(body)
	m.mutex.Unlock()
	if err != nil {
		return http1.Answer{}, err
	}
	m.runInline()
	return jsonAnswer(enqueued)
}

func (m *Memory) enqueueBatch(body []byte) (http1.Answer, error) {
	var asked struct {
		Tasks []json.RawMessage `json:"tasks"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		return http1.Answer{}, err
	}
	var answer struct {
		Tasks []treadle.Enqueued `json:"tasks"`
	}
	m.mutex.Lock()
	for _, text := range asked.Tasks {
		enqueued, err := m.add(text)
		if err != nil {
			m.mutex.Unlock()
			return http1.Answer{}, err
		}
		answer.Tasks = append(answer.Tasks, enqueued)
	}
	m.mutex.Unlock()
	m.runInline()
	return jsonAnswer(&answer)
}

func (m *Memory) runInline() {
	if m.inline {
		m.Run()
	}
}

func (m *Memory) add(text []byte) (treadle.Enqueued, error) {
	asked := request{Queue: "default"}
	if err := json.Unmarshal(text, &asked); err != nil {
		return treadle.Enqueued{}, status.New(status.InvalidArgument, err.Error())
	}
	if asked.Type == "" {
		return treadle.Enqueued{}, status.Wrong("type", "type is missing")
	}
	replaced := ""
	if holder := m.holderOf(&asked); holder != nil {
		isSame := holder.text == untraced(text)
		switch {
		case asked.OnDuplicate == "replace" && holder.isWaiting() && holder.leases == 0:
			replaced = holder.ID
			m.remove(holder)
		case (asked.OnDuplicate == "" || asked.OnDuplicate == "return") && isSame:
			return treadle.Enqueued{ID: holder.ID, IsDuplicate: true, State: holder.State}, nil
		default:
			return treadle.Enqueued{}, status.New(status.AlreadyExists, "the key is taken by task "+holder.ID)
		}
	}
	m.added++
	made := newTask(fmt.Sprintf("1-%d", m.added), asked, untraced(text), m.now)
	made.added = m.added
	m.tasks = append(m.tasks, made)
	m.holdKey(made)
	return treadle.Enqueued{ID: made.ID, Replaced: replaced}, nil
}

// untraced returns a request without its trace context: a request that is sent again has a span of its
// own.
func untraced(text []byte) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil {
		return string(text)
	}
	delete(fields, "traceparent")
	out, _ := json.Marshal(fields)
	return string(out)
}

func (m *Memory) holdKey(made *task) {
	if made.Key == "" {
		return
	}
	held := heldKey{task: made}
	if made.request.UniqueWhile == "" {
		window := time.Duration(made.request.IdempotencyWindowMs) * time.Millisecond
		if window == 0 {
			window = keyWindow
		}
		held.until = m.now.Add(window)
	}
	m.keys[[2]string{made.Queue, made.Key}] = held
}

// holderOf returns the task that has the key of a request; nil: the key is free, or there is none.
func (m *Memory) holderOf(asked *request) *task {
	held, found := m.keys[[2]string{asked.Queue, asked.IdempotencyKey}]
	if !found || asked.IdempotencyKey == "" {
		return nil
	}
	if !held.until.IsZero() {
		if held.until.After(m.now) {
			return held.task
		}
		return nil
	}
	isFree := held.task.State.HasEnded()
	switch held.task.request.UniqueWhile {
	case "waiting":
		isFree = isFree || held.task.leases > 0
	case "running":
		isFree = isFree || held.task.leases > 0 && held.task.State != treadle.StateRunning
	}
	if isFree {
		return nil
	}
	return held.task
}
