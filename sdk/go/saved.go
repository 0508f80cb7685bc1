package treadle

import (
	"context"
	"errors"

	"treadle/internal/status"
)

// Step runs fn unless an earlier attempt at this task has finished the step, and returns its result:
// that of now, or the one that was kept. The result is durable when Step returns. What fn does happens
// at least once, and not again once its result is kept. Names have up to 128 bytes; results have up to
// 1 MiB together with the checkpoint.
//
//	charge, err := treadle.Step(ctx, "charge", func() (Charge, error) { return pay(order) })
//
// An error of fn passes through, and nothing is kept. Step fails as "step_not_saved" if the result
// could not be kept. Outside of a handler it only runs fn.
func Step[Out any](ctx context.Context, name string, fn func() (Out, error)) (Out, error) {
	var out Out
	session := sessionOf(ctx)
	if session == nil {
		return fn()
	}
	if kept, found := session.FindStep(name); found {
		if err := readBlob(kept, &out, "step "+name); err != nil {
			return out, NeverRetry(&Failure{Code: "step_invalid", Message: messageOf(err), Cause: err})
		}
		return out, nil
	}
	out, err := fn()
	if err != nil {
		return out, err
	}
	blob, err := blobOf(out, "step "+name)
	if err == nil {
		err = session.SaveStep(name, blob)
	}
	if err != nil {
		return out, notSaved("step_not_saved", "step "+name+": ", err)
	}
	return out, nil
}

// Checkpoint returns what SaveCheckpoint kept last, in this attempt or an earlier one, and false if
// there is nothing.
func Checkpoint[T any](ctx context.Context) (T, bool, error) {
	var value T
	session := sessionOf(ctx)
	if session == nil {
		return value, false, nil
	}
	kept := session.Checkpoint()
	if kept == nil {
		return value, false, nil
	}
	if err := readBlob(*kept, &value, "checkpoint"); err != nil {
		return value, false, NeverRetry(&Failure{Code: "checkpoint_invalid", Message: messageOf(err), Cause: err})
	}
	return value, true, nil
}

// SaveCheckpoint keeps how far the work is, in place of what was kept before. It is durable when
// SaveCheckpoint returns. ErrLeaseLost: another worker has the task. ErrResourceExhausted: more than
// 1 MiB with all steps.
func SaveCheckpoint(ctx context.Context, value any) error {
	session := sessionOf(ctx)
	if session == nil {
		return nil
	}
	blob, err := blobOf(value, "checkpoint")
	if err == nil {
		err = session.SaveCheckpoint(blob)
	}
	if err != nil {
		return notSaved("checkpoint_not_saved", "checkpoint: ", err)
	}
	return nil
}

// Progress says how far the work is, from 0 to 1, to whoever looks at the task while it runs. It may
// be called often: it is sent about twice a second, and kept in the server's memory.
func Progress(ctx context.Context, fraction float64, message string) {
	if session := sessionOf(ctx); session != nil {
		session.TellProgress(fraction, message)
	}
}

// notSaved is tried again, unless another attempt would bring the same.
func notSaved(code, what string, err error) error {
	failure := &Failure{Code: code, Message: what + messageOf(err), Cause: err}
	var known *Error
	if errors.As(err, &known) {
		failure.NeverRetry = known.Code == status.InvalidArgument || known.Code == status.ResourceExhausted
	}
	return failure
}

func messageOf(err error) string {
	var known *Error
	if errors.As(err, &known) && known.Detail != "" {
		return known.Detail
	}
	return err.Error()
}
