package treadle

import (
	"context"
	"sync"

	"treadle/internal/jsonx"
	"treadle/internal/status"
)

const (
	batchTasksMax = 1000
	batchBytesMax = 4 << 20 // a quarter of what the server takes
)

// taskBatch gathers tasks for one call. They lie one behind the other in few pieces of memory.
type taskBatch struct {
	client      *Client
	traceparent string // of tasks that name none
	made        []encodedTask
	tasks       []*encodedTask
	room        []byte
}

// roomMax is the size of a piece, and of what is kept for the next call.
const roomMax = 256 << 10

// rooms are memory for requests, which is free again when their calls return. Without them, a third
// of the processor time of a batch goes into growing slices and clearing them.
var rooms = sync.Pool{New: func() any { return new([]byte) }}

func takeRoom() []byte { return (*rooms.Get().(*[]byte))[:0] }

func giveRoomBack(room []byte) {
	if cap(room) <= 2*roomMax {
		rooms.Put(&room)
	}
}

func (c *Client) newBatch(ctx context.Context, count int) *taskBatch {
	return &taskBatch{client: c, traceparent: c.traceparentOf(ctx), made: make([]encodedTask, count),
		tasks: make([]*encodedTask, 0, count), room: takeRoom()}
}

func (b *taskBatch) add(taskType string, payload any, options *encodedOptions) error {
	task := &b.made[len(b.tasks)]
	begin := len(b.room)
	if options.traceparent == "" {
		options.traceparent = b.traceparent
	}
	text, err := b.client.appendTask(b.room, taskType, payload, options)
	if err != nil {
		return err
	}
	task.json = text[begin:len(text):len(text)]
	b.room = text
	if len(text) > roomMax {
		b.room = make([]byte, 0, roomMax)
	}
	b.client.mark(task, options)
	b.tasks = append(b.tasks, task)
	return nil
}

// readBatchAnswer reads the server's answer to a request of that many tasks.
func readBatchAnswer(text []byte, count int) ([]Enqueued, error) {
	enqueued := make([]Enqueued, 0, count)
	r := jsonx.NewReader(text)
	for r.Object(); r.More(); {
		if string(r.Name()) != "tasks" {
			r.Skip()
			continue
		}
		for r.Array(); r.More(); {
			var each Enqueued
			for r.Object(); r.More(); {
				switch string(r.Name()) {
				case "id":
					each.ID = r.String()
				case "duplicate":
					each.IsDuplicate = r.Bool()
				case "state":
					each.State = State(r.String())
				case "replaced":
					each.Replaced = r.String()
				default:
					r.Skip()
				}
			}
			enqueued = append(enqueued, each)
		}
	}
	return enqueued, r.End()
}

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
		if i == batchTasksMax || i > 0 && bytes > batchBytesMax {
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
