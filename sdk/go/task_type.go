package treadle

import "context"

// TaskType is a task type with the Go types of its payload and its result, for producers and workers
// to share:
//
//	var Resize = treadle.NewTaskType[Job, string]("resize", treadle.WithMaxAttempts(5))
//
//	handle, err := Resize.Enqueue(ctx, client, Job{Path: "a.png", Width: 300})
//	Resize.Handle(worker, resize)
type TaskType[In, Out any] struct {
	name    string
	options []Option
}

// NewTaskType returns a task type. The options are those of every task that it enqueues; a call may
// have others.
func NewTaskType[In, Out any](name string, options ...Option) TaskType[In, Out] {
	return TaskType[In, Out]{name: name, options: options}
}

// Name returns the name of the type.
func (t TaskType[In, Out]) Name() string { return t.name }

// Enqueue adds a task, like the function Enqueue.
func (t TaskType[In, Out]) Enqueue(ctx context.Context, client *Client, payload In, options ...Option) (*TypedHandle[Out], error) {
	handle, err := Enqueue(ctx, client, t.name, payload, t.with(options)...)
	if err != nil {
		return nil, err
	}
	return &TypedHandle[Out]{handle}, nil
}

// EnqueueMany adds a task for each payload, like the function EnqueueMany.
func (t TaskType[In, Out]) EnqueueMany(ctx context.Context, client *Client, payloads []In, options ...Option) ([]*TypedHandle[Out], error) {
	handles, err := EnqueueMany(ctx, client, t.name, payloads, t.with(options)...)
	typed := make([]*TypedHandle[Out], len(handles))
	for i, handle := range handles {
		typed[i] = &TypedHandle[Out]{handle}
	}
	return typed, err
}

// HandleOf returns the handle of a task whose ID is known.
func (t TaskType[In, Out]) HandleOf(client *Client, id string) *TypedHandle[Out] {
	return &TypedHandle[Out]{client.Handle(id)}
}

// EnqueueAsync adds a task without waiting, like Client.EnqueueAsync.
func (t TaskType[In, Out]) EnqueueAsync(client *Client, payload In, done func(*TaskHandle, error), options ...Option) error {
	return client.EnqueueAsync(t.name, payload, done, t.with(options)...)
}

// Handle has a worker run the tasks of this type, like the function Handle.
func (t TaskType[In, Out]) Handle(worker *Worker, handler func(context.Context, In) (Out, error), options ...HandleOption) {
	Handle(worker, t.name, handler, options...)
}

func (t TaskType[In, Out]) with(options []Option) []Option {
	if len(t.options) == 0 {
		return options
	}
	return append(append([]Option{}, t.options...), options...)
}

// TypedHandle is a TaskHandle that knows the type of the result.
type TypedHandle[Out any] struct{ *TaskHandle }

// Get waits until the task has ended, or ctx has, and returns its result.
func (h *TypedHandle[Out]) Get(ctx context.Context) (Out, error) {
	var out Out
	err := h.Result(ctx, &out)
	return out, err
}
