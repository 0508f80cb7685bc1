package treadle

import (
	"fmt"
	"time"

	"treadle/internal/status"
)

// Failure is an error of a handler that says how its attempt failed. An *Error fails it with its own
// code, and is final if another attempt would bring the same: ErrInvalidArgument, ErrOutOfRange and
// ErrUnimplemented. Any other error fails the attempt as "error", and the retry policy decides what
// follows.
type Failure struct {
	// Code is short and stable, for programs; at most 64 bytes.
	Code string
	// Message is for people; the last 8 KiB are kept.
	Message string
	// NeverRetry sends the task to the dead letters at once.
	NeverRetry bool
	// RetryAfter is the wait before the next attempt, instead of that of the retry policy.
	RetryAfter *time.Duration
	// Cause is the error below. It may be nil.
	Cause error
}

// Error returns the code and the message.
func (f *Failure) Error() string {
	if f == nil {
		return "nil *treadle.Failure"
	}
	return f.Code + ": " + f.Message
}

// Unwrap returns the error below.
func (f *Failure) Unwrap() error {
	if f == nil {
		return nil
	}
	return f.Cause
}

// Fail returns an error that fails the attempt with a code of its own.
func Fail(code, message string) error { return &Failure{Code: code, Message: message} }

// NeverRetry returns err as a failure after which there is no other attempt.
func NeverRetry(err error) error {
	failure := failureOf(err)
	failure.NeverRetry = true
	return &failure
}

// RetryAfter returns err as a failure after which the next attempt waits for so long.
func RetryAfter(err error, wait time.Duration) error {
	failure := failureOf(err)
	failure.RetryAfter, failure.NeverRetry = &wait, false
	return &failure
}

// failureOf returns how an error fails an attempt.
func failureOf(err error) Failure {
	if failure, is := errorAs[*Failure](err); is {
		copied := *failure
		copied.Cause = err
		return copied
	}
	code, isFinal := "error", false
	if known, is := errorAs[*Error](err); is {
		code = known.Code
		isFinal = hasCode(known, status.InvalidArgument, status.OutOfRange, status.Unimplemented)
	}
	message := "nil"
	if err != nil {
		message = err.Error()
	}
	return Failure{Code: code, Message: message, NeverRetry: isFinal, Cause: err}
}

// Snoozed is what Snooze returns.
type Snoozed struct{ Delay time.Duration }

// Error says for how long.
func (s *Snoozed) Error() string {
	if s == nil {
		return "nil *treadle.Snoozed"
	}
	return fmt.Sprintf("the task is to run in %v", s.Delay)
}

// Snooze returns an error that schedules the task for later. The attempt is not spent.
func Snooze(delay time.Duration) error { return &Snoozed{Delay: delay} }

// Discarded is what Discard returns.
type Discarded struct {
	Code   string // for programs, at most 64 bytes; empty: "discarded"
	Reason string // for people
}

// Error returns the reason.
func (d *Discarded) Error() string {
	if d == nil {
		return "nil *treadle.Discarded"
	}
	return "the task is discarded: " + d.Reason
}

// Discard returns an error that cancels the task. The reason is kept with it.
func Discard(reason string) error { return &Discarded{Reason: reason} }

// Released is what Release returns.
type Released struct{}

// Error says so.
func (r *Released) Error() string {
	if r == nil {
		return "nil *treadle.Released"
	}
	return "the task is returned unspent"
}

// Release returns an error that makes the task ready again. The attempt is not spent.
func Release() error { return &Released{} }

// Stopped is what StopWorker returns.
type Stopped struct{ Reason string }

// Error returns the reason.
func (s *Stopped) Error() string {
	if s == nil {
		return "nil *treadle.Stopped"
	}
	return "the worker stops: " + s.Reason
}

// StopWorker returns an error that returns the task unspent and ends the worker: it cannot run tasks
// of this kind at all. Run returns the reason, and people who ask what keeps the task see it.
func StopWorker(reason string) error { return &Stopped{Reason: reason} }
