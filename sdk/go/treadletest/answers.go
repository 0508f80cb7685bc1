package treadletest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"treadle"
	"treadle/internal/http1"
	"treadle/internal/station"
	"treadle/internal/status"
)

// answer is the server's part of a call.
func (m *Memory) answer(_ context.Context, asked http1.Request) (http1.Answer, error) {
	target, err := url.Parse(asked.Target)
	if err != nil {
		return http1.Answer{}, err
	}
	path := strings.TrimPrefix(target.Path, "/v1/tasks")
	switch {
	case path == target.Path:
		return http1.Answer{}, status.New(status.Unimplemented, asked.Target+" is not played in memory")
	case path == "/batch":
		return m.enqueueBatch(asked.Body)
	case path == "" && asked.Method == "POST":
		return m.enqueueOne(asked.Body)
	case path == "":
		return m.list(target.Query())
	}
	id, verb, _ := strings.Cut(path[1:], "/")
	if target.Query().Get("wait") != "" {
		return m.waitFor(id)
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.endWhatIsLate()
	found, err := m.find(id)
	if err != nil {
		return http1.Answer{}, err
	}
	switch verb {
	case "payload":
		payload := found.payload()
		return http1.Answer{HTTPStatus: 200, ContentType: payload.ContentType, Body: payload.Data}, nil
	case "log":
		return http1.Answer{HTTPStatus: 200, Body: []byte(found.log(target.Query().Get("attempt")))}, nil
	case "result":
		return found.result()
	case "attempts":
		return jsonAnswer(found.past())
	case "explain":
		return jsonAnswer(m.explain(found))
	case "":
		switch asked.Method {
		case "PATCH":
			if err := m.edit(found, asked.Body); err != nil {
				return http1.Answer{}, err
			}
		case "DELETE":
			if found.State == treadle.StateRunning {
				return http1.Answer{}, status.New(status.FailedPrecondition, "task "+id+" is running; cancel it first")
			}
			m.remove(found)
		}
		return jsonAnswer(&found.TaskInfo)
	}
	if err := m.change(found, verb, asked.Body); err != nil {
		return http1.Answer{}, err
	}
	return jsonAnswer(map[string]any{"id": id, "state": found.State})
}

func jsonAnswer(value any) (http1.Answer, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return http1.Answer{}, err
	}
	return http1.Answer{HTTPStatus: 200, ContentType: "application/json", Body: out.Bytes()}, nil
}

func (m *Memory) find(id string) (*task, error) {
	for _, each := range m.tasks {
		if each.ID == id {
			return each, nil
		}
	}
	return nil, status.New(status.NotFound, "there is no task "+id+", or it is no longer kept")
}

func (m *Memory) remove(gone *task) {
	for i, each := range m.tasks {
		if each == gone {
			m.tasks = append(m.tasks[:i:i], m.tasks[i+1:]...)
			return
		}
	}
}

func (t *task) log(attempt string) string {
	if number, err := strconv.Atoi(attempt); err == nil {
		return t.logs[number]
	}
	return t.logs[t.leases]
}

// waitFor runs what is due first.
func (m *Memory) waitFor(id string) (http1.Answer, error) {
	m.Run()
	m.mutex.Lock()
	defer m.mutex.Unlock()
	found, err := m.find(id)
	if err != nil {
		return http1.Answer{}, err
	}
	if !found.State.HasEnded() {
		return http1.Answer{}, status.New(status.FailedPrecondition, fmt.Sprintf(
			"task %s is still %s, and nothing is due; advance the clock", id, found.State))
	}
	return jsonAnswer(&found.TaskInfo)
}

func (m *Memory) list(query url.Values) (http1.Answer, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.endWhatIsLate()
	page := treadle.TaskPage{Tasks: []treadle.TaskInfo{}, AsOf: m.now}
	for i := len(m.tasks) - 1; i >= 0; i-- {
		each := m.tasks[i]
		fits := func(name, value string) bool { return query.Get(name) == "" || query.Get(name) == value }
		tag := query.Get("tag")
		if fits("queue", each.Queue) && fits("type", each.Type) && fits("state", string(each.State)) &&
			fits("key", each.Key) && (tag == "" || contains(each.Tags, tag)) {
			page.Tasks = append(page.Tasks, each.TaskInfo)
		}
	}
	return jsonAnswer(&page)
}

func (m *Memory) change(found *task, verb string, body []byte) error {
	refused := status.New(status.FailedPrecondition, fmt.Sprintf("task %s is %s", found.ID, found.State))
	switch verb {
	case "cancel":
		var asked struct {
			Reason string `json:"reason"`
		}
		if err := json.Unmarshal(body, &asked); err != nil {
			return err
		}
		switch {
		case found.isWaiting():
			found.end(treadle.StateCancelled, m.now, "asked", asked.Reason)
		case found.State == treadle.StateRunning:
			found.CancelRequested = true
			found.attempt.Stop(station.Requested)
		case found.State != treadle.StateCancelled:
			return refused
		}
	case "redrive":
		if !found.State.HasEnded() || found.State == treadle.StateCompleted {
			return refused
		}
		found.Attempt, found.failedAt, found.FinishedAt = 0, time.Time{}, time.Time{}
		found.ExpiresAt, found.DeadlineAt = time.Time{}, time.Time{}
		found.wait(treadle.StateReady, m.now)
	case "release":
		if found.State.HasEnded() {
			return refused
		}
		if found.State == treadle.StateRunning {
			var asked struct {
				Reason string `json:"reason"`
			}
			if err := json.Unmarshal(body, &asked); err != nil {
				return err
			}
			found.releasedWhy = asked.Reason
			found.attempt.Stop(station.LeaseLost)
		}
	case "run-now":
		if !found.isWaiting() {
			return refused
		}
		found.wait(treadle.StateReady, m.now)
	default:
		return status.New(status.Unimplemented, verb+" is not played in memory")
	}
	return nil
}
