package treadle

import (
	"context"

	"treadle/internal/status"
)

const (
	batchTasksMax = 1000
	batchBytesMax = 4 << 20 // a quarter of what the server takes
)

type sendFunc func(ctx context.Context, tasks []*encodedTask) ([]Enqueued, error)

// answered is what became of one task.
type answered struct {
	enqueued Enqueued
	err      error
}

// batchOf returns how many of the tasks go in one request: at least one.
func batchOf(tasks []*encodedTask) int {
	bytes := 0
	for i, task := range tasks {
		bytes += len(task.json)
		isOther := i > 0 && task.traceparent != tasks[0].traceparent
		if i == batchTasksMax || isOther || i > 0 && bytes > batchBytesMax {
			return i
		}
	}
	return len(tasks)
}

// sendApart returns what became of each task. When a request is refused for what may be one task's
// fault, its halves are sent apart, until the task that is to blame stands alone.
func sendApart(ctx context.Context, send sendFunc, tasks []*encodedTask) []answered {
	answers := make([]answered, len(tasks))
	enqueued, err := send(ctx, tasks)
	switch {
	case err == nil:
		for i := range answers {
			answers[i].enqueued = enqueued[i]
		}
	case len(tasks) > 1 && hasCode(err, status.InvalidArgument, status.AlreadyExists, status.FailedPrecondition):
		half := len(tasks) / 2
		copy(answers, sendApart(ctx, send, tasks[:half]))
		copy(answers[half:], sendApart(ctx, send, tasks[half:]))
	default:
		for i := range answers {
			answers[i].err = err
		}
	}
	return answers
}
