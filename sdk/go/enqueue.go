package treadle

import (
	"context"
	"time"

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
	task, err := client.encode(ctx, taskType, payload, options)
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
// adds all of its tasks or none. After an error, the handles are those of the requests before. One
// idempotency key cannot be that of several tasks: use EnqueueTasks, with a key for each.
func EnqueueMany[In any](ctx context.Context, client *Client, taskType string, payloads []In, options ...Option) ([]*TaskHandle, error) {
	batch := client.newBatch(ctx, len(payloads))
	encoded, err := encodeOptions(options)
	if err != nil {
		return nil, err
	}
	if encoded.hasKey && len(payloads) > 1 {
		return nil, status.Wrong("idempotency_key", "idempotency_key cannot be the same for many tasks")
	}
	for _, payload := range payloads {
		if err := batch.add(taskType, payload, encoded); err != nil {
			return nil, err
		}
	}
	return client.enqueueBatch(ctx, batch)
}

// NewTask is a task to be added.
type NewTask struct {
	Type    string
	Payload any
	Options []Option
}

// EnqueueTasks is EnqueueMany for tasks of several types, or with options of their own.
func (c *Client) EnqueueTasks(ctx context.Context, tasks []NewTask) ([]*TaskHandle, error) {
	batch := c.newBatch(ctx, len(tasks))
	for _, task := range tasks {
		encoded, err := encodeOptions(task.Options)
		if err != nil {
			return nil, err
		}
		if err := batch.add(task.Type, task.Payload, encoded); err != nil {
			return nil, err
		}
	}
	return c.enqueueBatch(ctx, batch)
}

func (c *Client) enqueueBatch(ctx context.Context, batch *taskBatch) ([]*TaskHandle, error) {
	defer giveRoomBack(batch.room)
	tasks := batch.tasks
	handles := make([]*TaskHandle, 0, len(tasks))
	for len(tasks) > 0 {
		count := batchOf(tasks)
		enqueued, err := c.sendTasks(ctx, tasks[:count])
		if err != nil {
			return handles, err
		}
		made := make([]TaskHandle, count)
		for i, each := range enqueued {
			made[i] = TaskHandle{Enqueued: each, client: c}
			handles = append(handles, &made[i])
		}
		tasks = tasks[count:]
	}
	return handles, nil
}

// EnqueueAsync adds a task without waiting. Tasks go in the order of the calls, many in a request. It
// waits only while 10,000 tasks or 16 MiB have no answer yet. done is called by a goroutine of the
// client once the task is on the server's disk, or with why it is not; it must not wait for the
// client. If done is nil or panics, Flush and Close return the first error. The error that EnqueueAsync
// itself returns is about the payload.
func (c *Client) EnqueueAsync(taskType string, payload any, done func(*TaskHandle, error), options ...Option) error {
	task, err := c.encode(context.Background(), taskType, payload, options)
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

// Flush returns when every task that EnqueueAsync took before has its answer. The error is that of ctx,
// or the first since the last Flush that went to no function.
func (c *Client) Flush(ctx context.Context) error { return c.stream.flush(ctx) }

// sendWhatWaits is Flush without its error, which is for the program.
func (c *Client) sendWhatWaits(limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_ = c.stream.wait(ctx)
}

func (c *Client) enqueueEncoded(ctx context.Context, task *encodedTask) (Enqueued, error) {
	if c.options.Linger < 0 {
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
	isRepeatable := true
	body := append(takeRoom(), `{"tasks":`...)
	for i, task := range tasks {
		isRepeatable = isRepeatable && task.isRepeatable
		body = append(append(body, "[,"[min(i, 1)]), task.json...)
	}
	body = append(body, "]}"...)
	answer, err := c.ask(ctx, http1.Request{Method: "POST", Target: "/v1/tasks/batch", Body: body,
		Repeatable: isRepeatable}, 0)
	giveRoomBack(body)
	if err != nil {
		return nil, err
	}
	enqueued, err := readBatchAnswer(answer.Body, len(tasks))
	if err != nil {
		return nil, notAnAnswer(err)
	}
	if len(enqueued) != len(tasks) {
		return nil, status.New(status.Internal, "the server's answer has another number of tasks than the request")
	}
	return enqueued, nil
}

func (c *Client) sendOne(ctx context.Context, task *encodedTask) ([]Enqueued, error) {
	answer, err := c.ask(ctx, http1.Request{Method: "POST", Target: "/v1/tasks", Body: task.json,
		Repeatable: task.isRepeatable}, 0)
	if err != nil {
		return nil, err
	}
	enqueued := make([]Enqueued, 1)
	if err := readAnswer(answer, &enqueued[0]); err != nil {
		return nil, err
	}
	return enqueued, nil
}
