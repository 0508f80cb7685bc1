package treadle

import (
	"context"
	"reflect"
)

// Handler runs tasks of any type: it gets the whole task and returns the bytes of the result. Many
// goroutines call it at once. How it ends:
//
//	nil                   completed
//	Fail, NeverRetry, …   failed as it says
//	Snooze                scheduled for later, no attempt spent
//	Discard               cancelled, the reason is kept
//	Release               ready again, no attempt spent
//	an *Error             failed with its code; retried, unless it is ErrInvalidArgument,
//	                      ErrOutOfRange or ErrUnimplemented
//	any other error       failed as "error", retried
//	a panic               failed as "panic", retried; the stack is in the attempt's log; an error
//	                      whose methods panic, such as a nil pointer, is the same
//
// Its context ends when the work is no longer wanted; CauseOf says why. The handler should then
// return soon. What it returns counts only if it is a decision: a result, Snooze or Discard.
type Handler func(ctx context.Context, task *Task) (Bytes, error)

// Middleware surrounds handlers: it does what it likes before and after it calls next, or does not
// call it.
type Middleware func(next Handler) Handler

// HandleOption says how a worker runs the tasks of a type.
type HandleOption func(*handleEntry)

// Handle has a worker run the tasks of a type. In is made from the payload: []byte, Bytes or Task take
// it as it came, anything else is read from JSON; a payload that does not fit is dead at once, as
// "payload_invalid". Out becomes the result: []byte and Bytes as they are, anything else as JSON. Call
// it before Run.
func Handle[In, Out any](w *Worker, taskType string, handler func(context.Context, In) (Out, error), options ...HandleOption) {
	if handler == nil {
		w.HandleRaw(taskType, nil, options...)
		return
	}
	w.HandleRaw(taskType, func(ctx context.Context, task *Task) (Bytes, error) {
		var in In
		if err := readPayload(task, &in); err != nil {
			return Bytes{}, err
		}
		out, err := handler(ctx, in)
		if err != nil {
			return Bytes{}, err
		}
		return resultOf(out)
	}, options...)
	w.handlers[taskType].addTypedContracts(reflect.TypeOf((*In)(nil)).Elem(), reflect.TypeOf((*Out)(nil)).Elem())
}

// HandleFunc is Handle for a function without a result.
func HandleFunc[In any](w *Worker, taskType string, handler func(context.Context, In) error, options ...HandleOption) {
	if handler == nil {
		w.HandleRaw(taskType, nil, options...)
		return
	}
	Handle(w, taskType, func(ctx context.Context, in In) (struct{}, error) {
		return struct{}{}, handler(ctx, in)
	}, options...)
}

func readPayload(task *Task, in any) error {
	if whole, ok := in.(*Task); ok {
		*whole = *task
		return nil
	}
	err := readBlob(blobOfTask(task), in, "payload")
	if err != nil {
		return &Failure{Code: "payload_invalid", Message: messageOf(err), NeverRetry: true, Cause: err}
	}
	return nil
}

func resultOf(out any) (Bytes, error) {
	blob, err := blobOf(out, "result")
	if err != nil {
		return Bytes{}, &Failure{Code: "result_invalid", Message: messageOf(err), NeverRetry: true, Cause: err}
	}
	return Bytes(blob), nil
}
