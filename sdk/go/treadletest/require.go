package treadletest

import (
	"context"
	"testing"

	"treadle"
)

// Work runs one task by a worker's handler, in a memory of its own, and returns how the attempt left
// it: completed with its result, retrying or dead with its error, and so on.
//
//	task := treadletest.Work(t, worker, "resize", Job{Path: "a.png", Width: 300})
//	if task.State != treadle.StateCompleted {
func Work(t testing.TB, worker *treadle.Worker, taskType string, payload any, options ...treadle.Option) *treadle.TaskInfo {
	t.Helper()
	memory := New(worker)
	handle, err := treadle.Enqueue(context.Background(), memory.Client(), taskType, payload, options...)
	if err != nil {
		t.Fatalf("enqueueing %s: %v", taskType, err)
	}
	if memory.runTask(handle.ID) == 0 {
		t.Fatalf("the worker has no handler for %s, or the task is not due", taskType)
	}
	info, err := handle.Info(context.Background())
	if err != nil {
		t.Fatalf("task %s: %v", handle.ID, err)
	}
	return info
}

// RequireEnqueued returns the payload of the one task of a type, and the task. The test fails
// unless there is exactly one, and if its payload does not fit In.
func RequireEnqueued[In any](t testing.TB, memory *Memory, taskType string) (In, *treadle.TaskInfo) {
	t.Helper()
	payloads, tasks := RequireManyEnqueued[In](t, memory, taskType, 1)
	return payloads[0], &tasks[0]
}

// RequireManyEnqueued returns the payloads of all tasks of a type, and the tasks, in the order in which
// they were enqueued. The test fails if they are not as many as expected.
func RequireManyEnqueued[In any](t testing.TB, memory *Memory, taskType string, count int) ([]In, []treadle.TaskInfo) {
	t.Helper()
	var payloads []In
	var found []treadle.TaskInfo
	for _, task := range memory.Tasks() {
		if task.Type != taskType {
			continue
		}
		payload, err := memory.Client().Payload(context.Background(), task.ID)
		if err != nil {
			t.Fatalf("the payload of task %s: %v", task.ID, err)
		}
		var in In
		if err := payload.Read(&in); err != nil {
			t.Fatalf("the payload of task %s (%s): %v", task.ID, taskType, err)
		}
		payloads, found = append(payloads, in), append(found, task)
	}
	if len(found) != count {
		t.Fatalf("%d tasks of type %s were enqueued, and not %d", len(found), taskType, count)
	}
	return payloads, found
}

// RequireNotEnqueued fails the test if there is a task of a type.
func RequireNotEnqueued(t testing.TB, memory *Memory, taskType string) {
	t.Helper()
	RequireManyEnqueued[treadle.Bytes](t, memory, taskType, 0)
}

// RequireResult runs what is due and returns the result of a task. The test fails if it is not
// completed, or if the result does not fit Out.
func RequireResult[Out any](t testing.TB, memory *Memory, id string) Out {
	t.Helper()
	var out Out
	if err := memory.Client().Handle(id).Result(context.Background(), &out); err != nil {
		t.Fatalf("task %s: %v", id, err)
	}
	return out
}
