package treadle

import (
	"context"

	"treadle/internal/http1"
	"treadle/internal/status"
)

// Enqueued is the server's answer to an enqueue.
type Enqueued struct {
	ID string `json:"id"`
	// IsDuplicate says that the task was there already, by its idempotency key.
	IsDuplicate bool `json:"duplicate"`
	// State is that of a duplicate that is still kept.
	State State `json:"state"`
	// Replaced is the task that gave way to this one, if any.
	Replaced string `json:"replaced"`
}

// Enqueue adds a task. When it returns, the task is on the server's disk. payload is []byte or Bytes,
// or anything that becomes JSON.
//
// The error is an *Error: ErrInvalidArgument names the field; ErrAlreadyExists: another request has
// the idempotency key; ErrResourceExhausted: the server is full, see Error.RetryAfter.
//
// Goroutines that enqueue at the same time share requests. A call is sent at once when none is under
// way. Otherwise it waits until that one returns, at most Options.Linger, and goes together with all
// that wait by then.
func Enqueue(ctx context.Context, client *Client, taskType string, payload any, options ...Option) (*TaskHandle, error) {
	task, err := client.encode(taskType, payload, options)
	if err != nil {
		return nil, err
	}
	enqueued, err := client.enqueueEncoded(ctx, task)
	if err != nil {
		return nil, err
	}
	return &TaskHandle{Enqueued: enqueued, client: client}, nil
}

// EnqueueMany adds a task for each payload, in their order, with up to 1,000 in a request; a request
// adds all of its tasks or none. After an error, the handles are those of the requests before.
func EnqueueMany[In any](ctx context.Context, client *Client, taskType string, payloads []In, options ...Option) ([]*TaskHandle, error) {
	tasks := make([]NewTask, len(payloads))
	for i, payload := range payloads {
		tasks[i] = NewTask{Type: taskType, Payload: payload, Options: options}
	}
	return client.EnqueueTasks(ctx, tasks)
}

// NewTask is a task to be added.
type NewTask struct {
	Type    string
	Payload any
	Options []Option
}

// EnqueueTasks is EnqueueMany for tasks of several types, or with options of their own.
func (c *Client) EnqueueTasks(ctx context.Context, tasks []NewTask) ([]*TaskHandle, error) {
	encoded := make([]*encodedTask, len(tasks))
	for i, task := range tasks {
		var err error
		if encoded[i], err = c.encode(task.Type, task.Payload, task.Options); err != nil {
			return nil, err
		}
	}
	handles := make([]*TaskHandle, 0, len(tasks))
	for len(encoded) > 0 {
		count := batchOf(encoded)
		enqueued, err := c.sendTasks(ctx, encoded[:count])
		if err != nil {
			return handles, err
		}
		for _, each := range enqueued {
			handles = append(handles, &TaskHandle{Enqueued: each, client: c})
		}
		encoded = encoded[count:]
	}
	return handles, nil
}

// EnqueueAsync adds a task without waiting. Tasks go in the order of the calls, many in a request. It
// waits only while 10,000 tasks or 16 MiB have no answer yet. done is called by a goroutine of the
// client once the task is on the server's disk, or with why it is not; it must not wait for the
// client. If done is nil, Flush and Close return the first error. The error that EnqueueAsync itself
// returns is about the payload.
func (c *Client) EnqueueAsync(taskType string, payload any, done func(*TaskHandle, error), options ...Option) error {
	task, err := c.encode(taskType, payload, options)
	if err != nil {
		return err
	}
	var told func(Enqueued, error)
	if done != nil {
		told = func(enqueued Enqueued, err error) {
			if err != nil {
				done(nil, err)
				return
			}
			done(&TaskHandle{Enqueued: enqueued, client: c}, nil)
		}
	}
	c.stream.add(task, told)
	return nil
}

// Flush returns when every task that EnqueueAsync took before has its answer. The error is the first
// that no function was told since the last Flush, or that of ctx.
func (c *Client) Flush(ctx context.Context) error { return c.stream.flush(ctx) }

func (c *Client) enqueueEncoded(ctx context.Context, task *encodedTask) (Enqueued, error) {
	if c.options.Linger < 0 || task.traceparent != "" {
		enqueued, err := c.sendTasks(ctx, []*encodedTask{task})
		if err != nil {
			return Enqueued{}, err
		}
		return enqueued[0], nil
	}
	return c.sharer.enqueue(ctx, task)
}

// sendTasks makes one request of at most 1,000 tasks.
func (c *Client) sendTasks(ctx context.Context, tasks []*encodedTask) ([]Enqueued, error) {
	if len(tasks) == 1 {
		return c.sendOne(ctx, tasks[0])
	}
	size := 16
	isRepeatable := true
	for _, task := range tasks {
		size += len(task.json) + 1
		isRepeatable = isRepeatable && task.isRepeatable
	}
	body := append(make([]byte, 0, size), `{"tasks":`...)
	for i, task := range tasks {
		body = append(append(body, "[,"[min(i, 1)]), task.json...)
	}
	body = append(body, "]}"...)
	answer, err := c.ask(ctx, http1.Request{Method: "POST", Target: "/v1/tasks/batch", Body: body,
		Traceparent: tasks[0].traceparent, Repeatable: isRepeatable}, 0)
	if err != nil {
		return nil, err
	}
	var read struct {
		Tasks []Enqueued `json:"tasks"`
	}
	if err := readAnswer(answer, &read); err != nil {
		return nil, err
	}
	if len(read.Tasks) != len(tasks) {
		return nil, status.New(status.Internal, "the server's answer has another number of tasks than the request")
	}
	return read.Tasks, nil
}

func (c *Client) sendOne(ctx context.Context, task *encodedTask) ([]Enqueued, error) {
	answer, err := c.ask(ctx, http1.Request{Method: "POST", Target: "/v1/tasks", Body: task.json,
		Traceparent: task.traceparent, Repeatable: task.isRepeatable}, 0)
	if err != nil {
		return nil, err
	}
	enqueued := make([]Enqueued, 1)
	if err := readAnswer(answer, &enqueued[0]); err != nil {
		return nil, err
	}
	return enqueued, nil
}
