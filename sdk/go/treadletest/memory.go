// Package treadletest runs a worker's handlers in a test, without a server, with a clock that the
// test drives.
//
//	worker := treadle.NewWorker(treadle.WorkerOptions{})
//	registerHandlers(worker)
//	memory := treadletest.New(worker)
//	handle, err := treadle.Enqueue(ctx, memory.Client(), "resize", Job{Path: "a.png", Width: 300})
//	memory.Run()               // all that is due, and what that enqueues
//	err = handle.Result(ctx, &path)
//	memory.Advance(time.Hour)  // the clock moves; what becomes due runs
//
// Handlers run in the goroutine that calls, with their middleware, conversion and checks. It plays
// the server's part like this. Played: priorities, delays and times, expiry and deadlines of tasks
// that wait, retries by their policy without jitter, error codes that never or always retry,
// idempotency keys, snooze, discard, release, cancellation, redrive, edits, explanations, histories,
// steps, checkpoints and logs. Not played: leases, queues and types with their policies, limits,
// contracts, bulk actions, timeouts of attempts.
//
// Work runs a single task by its handler. RequireEnqueued and its sisters say what a test expects to
// find in the memory.
package treadletest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"treadle"
	"treadle/internal/hook"
	"treadle/internal/station"
	"treadle/internal/wire"
)

// runsMax bounds one Run: more is a task that enqueues or releases itself for ever.
const runsMax = 10_000

// Memory keeps the tasks of one test.
type Memory struct {
	worker *treadle.Worker
	client *treadle.Client
	inline bool

	mutex     sync.Mutex // not held while a handler runs
	now       time.Time
	tasks     []*task // in the order of enqueueing
	keys      map[[2]string]heldKey
	added     int
	isRunning bool
}

// New returns an empty memory for the handlers of a worker that does not run.
func New(worker *treadle.Worker) *Memory {
	m := &Memory{worker: worker, now: time.Now().UTC(), keys: map[[2]string]heldKey{}}
	m.client = hook.NewClient(m.answer).(*treadle.Client)
	return m
}

// NewInline returns a memory that runs each task as it is enqueued.
func NewInline(worker *treadle.Worker) *Memory {
	m := New(worker)
	m.inline = true
	return m
}

// Client returns the client that enqueues here. Its Wait runs what is due; it does not move the clock.
func (m *Memory) Client() *treadle.Client { return m.client }

// Now returns the time of the driven clock.
func (m *Memory) Now() time.Time {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.now
}

// Run runs all that is due, and what that enqueues. It returns how many attempts that were, and panics
// if they do not end.
func (m *Memory) Run() int {
	for count := 0; count < runsMax; count++ {
		next := m.take("")
		if next == nil {
			return count
		}
		m.runOne(next)
	}
	panic(fmt.Sprintf("%d attempts, and still tasks are due: one of them never ends", runsMax))
}

// runTask runs one attempt at a task, if it is due.
func (m *Memory) runTask(id string) int {
	next := m.take(id)
	if next == nil {
		return 0
	}
	m.runOne(next)
	return 1
}

// Advance moves the clock, from one due task to the next, and runs them. It returns how many attempts
// that were.
func (m *Memory) Advance(d time.Duration) int {
	until := m.Now().Add(d)
	count := m.Run()
	for m.moveToNext(until) {
		count += m.Run()
	}
	return count + m.Run()
}

// moveToNext returns false if the clock has come to the end.
func (m *Memory) moveToNext(until time.Time) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	next, found := until, false
	for _, each := range m.tasks {
		isDue := each.dueAt.After(m.now) && !each.dueAt.After(next)
		if each.isWaiting() && isDue && m.handles(each.Type) {
			next, found = each.dueAt, true
		}
	}
	m.now = next
	return found
}

// Tasks returns all tasks as they are now, in the order of enqueueing.
func (m *Memory) Tasks() []treadle.TaskInfo {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.endWhatIsLate()
	all := make([]treadle.TaskInfo, len(m.tasks))
	for i, each := range m.tasks {
		all[i] = each.TaskInfo
	}
	return all
}

// take returns the next task to run: the highest priority, of equal ones the oldest; or, with an ID,
// that task only.
func (m *Memory) take(id string) *task {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.endWhatIsLate()
	var next *task
	for _, each := range m.tasks {
		if !each.isWaiting() || each.dueAt.After(m.now) {
			continue
		}
		each.State = treadle.StateReady
		isAsked := id == "" || each.ID == id
		if isAsked && m.handles(each.Type) && (next == nil || each.Priority > next.Priority) {
			next = each
		}
	}
	if next == nil || m.isRunning {
		return nil
	}
	m.isRunning = true
	next.State = treadle.StateRunning
	next.Attempt++
	next.leases++
	next.StartedAt = m.now
	next.history = append(next.history, treadle.AttemptInfo{Attempt: next.leases, Outcome: "running",
		Worker: "memory", ReadyAt: next.dueAt, WaitedMs: m.now.Sub(next.dueAt).Milliseconds(), StartedAt: m.now})
	return next
}

func (m *Memory) handles(taskType string) bool { return hook.Handles(m.worker, taskType) }

func (m *Memory) endWhatIsLate() {
	for _, each := range m.tasks {
		switch {
		case !each.isWaiting():
		case !each.DeadlineAt.IsZero() && !each.DeadlineAt.After(m.now):
			each.end(treadle.StateDead, m.now, "deadline_exceeded", "the deadline of the task has passed")
		case !each.ExpiresAt.IsZero() && !each.ExpiresAt.After(m.now):
			each.end(treadle.StateExpired, m.now, "expired", "the task has waited for too long")
		}
	}
}

func (m *Memory) runOne(running *task) {
	attempt := station.NewAttempt(context.Background(), running.lease())
	m.mutex.Lock()
	running.attempt = attempt
	m.mutex.Unlock()
	report := hook.Run(m.worker, m.client, attempt, func(_ *station.Attempt, update *wire.Update, _ time.Duration) (int, error) {
		m.mutex.Lock()
		defer m.mutex.Unlock()
		return running.save(update), nil
	})
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.isRunning = false
	running.apply(report.JSON, m.now)
	attempt.Stop(station.None)
}
