package treadle

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"treadle/internal/jsonx"
	"treadle/internal/station"
	"treadle/internal/wire"
)

// delayMax is the longest time that the server takes.
const delayMax = 3650 * 24 * time.Hour

// runner runs attempts with their handlers and makes their reports. Any goroutine.
type runner struct {
	handlers map[string]Handler
	client   *Client
	save     station.Save
	log      func(line string)   // may be nil
	lines    *taskLines          // nil: none are written
	stop     func(reason string) // the worker cannot run its tasks
}

func (r *runner) run(attempt *station.Attempt) *wire.Report {
	lease := attempt.Lease
	ctx := &attemptContext{Context: attempt.Context, attempt: attempt, task: taskOf(lease), runner: r}
	ending := r.ending(ctx)
	if cause := attempt.Cause(); cause != station.None {
		ending = afterTheCut(ending, cause, attempt.Limit)
	}
	var log *wire.LogText
	if ctx.made != nil {
		log = ctx.made.TakeLog()
	}
	size := 224 + len(ending.Result.Data) + len(ending.Message)
	report := &wire.Report{Token: lease.Token}
	report.JSON = wire.AppendReport(make([]byte, 0, size), lease.Token, &ending, log)
	if r.lines != nil {
		took := time.Since(attempt.Begun)
		ending.Result = wire.Blob{}
		report.Ended = func(answer *wire.ReportAnswer) { r.lines.ended(lease, &ending, took, answer) }
	}
	return report
}

func (r *runner) ending(ctx *attemptContext) wire.Ending {
	lease := ctx.attempt.Lease
	if lease.IsDamaged {
		r.say("task " + lease.ID + " came with a payload that does not have its SHA-256")
		return wire.Ending{Outcome: wire.Failed, Code: "payload_damaged",
			Message: "the payload that arrived does not have its SHA-256"}
	}
	handler := r.handlers[lease.Type]
	if handler == nil {
		r.say("task " + lease.ID + " is of type " + lease.Type + ", which was not asked for")
		return wire.Ending{Outcome: wire.Released}
	}
	result, err := call(ctx, handler)
	if err != nil {
		return r.endingOf(ctx, err)
	}
	return checkedResult(wire.Blob(result))
}

func (r *runner) say(line string) {
	if r.log != nil {
		r.log(line)
	}
}

// call turns a panic into a failure.
func call(ctx *attemptContext, handler Handler) (result Bytes, err error) {
	isOver := false
	defer func() {
		if !isOver {
			err = ctx.panicked(textOf(recover()))
		}
	}()
	result, err = handler(ctx, &ctx.task)
	isOver = true
	return result, err
}

// endingOf asks an error how the attempt ended. Its methods are the program's: if one panics, that fails
// this attempt, as a panic of its handler does.
func (r *runner) endingOf(ctx *attemptContext, err error) (ending wire.Ending) {
	isOver := false
	defer func() {
		if !isOver {
			ending = failedAs(ctx.panicked(aboutError(err, recover())))
		}
	}()
	ending = r.meaningOf(err)
	isOver = true
	return ending
}

func (r *runner) meaningOf(err error) wire.Ending {
	if snoozed, is := errorAs[*Snoozed](err); is {
		if snoozed.Delay > delayMax {
			return wire.Ending{Outcome: wire.Failed, Code: "snooze_invalid",
				Message: fmt.Sprintf("the task was snoozed for %v; the longest time is 3650 days", snoozed.Delay)}
		}
		return wire.Ending{Outcome: wire.Snoozed, Delay: bounded(snoozed.Delay)}
	}
	if discarded, is := errorAs[*Discarded](err); is {
		return wire.Ending{Outcome: wire.Discarded, Code: codeOf(discarded.Code, "discarded"),
			Message: tail(discarded.Reason)}
	}
	if _, is := errorAs[*Released](err); is {
		return wire.Ending{Outcome: wire.Released}
	}
	if stopped, is := errorAs[*Stopped](err); is {
		r.stop(stopped.Reason)
		return wire.Ending{Outcome: wire.Released}
	}
	failure := failureOf(err)
	return failedAs(&failure)
}

func failedAs(failure *Failure) wire.Ending {
	ending := wire.Ending{Outcome: wire.Failed, Code: codeOf(failure.Code, "failed"),
		Message: tail(failure.Message), IsFinal: failure.NeverRetry}
	if failure.RetryAfter != nil && !failure.NeverRetry {
		ending.Delay = bounded(*failure.RetryAfter)
	}
	return ending
}

func bounded(delay time.Duration) *time.Duration {
	if delay < 0 {
		delay = 0
	}
	if delay > delayMax {
		delay = delayMax
	}
	return &delay
}

func codeOf(code, unnamed string) string {
	if code == "" {
		code = unnamed
	}
	return station.PrintableHead(code, wire.ErrorCodeMax, '?')
}

// tail returns the last 8 KiB, not cut through a character.
func tail(message string) string {
	if len(message) <= wire.ErrorTextMax {
		return message
	}
	message = message[len(message)-wire.ErrorTextMax:]
	for len(message) > 0 && !utf8.RuneStart(message[0]) {
		message = message[1:]
	}
	return message
}

// checkedResult fails what the server would not take: another try would bring the same.
func checkedResult(result wire.Blob) wire.Ending {
	if len(result.Data) == 0 && result.ContentType == "" {
		result = wire.Blob{Data: []byte("null"), ContentType: wire.JSON}
	}
	if result.ContentType == "" {
		result.ContentType = octetStream
	}
	wrong := func(code, why string) wire.Ending {
		return wire.Ending{Outcome: wire.Failed, Code: code, Message: why, IsFinal: true}
	}
	switch {
	case len(result.Data) > wire.BlobBytesMax:
		return wrong("result_too_large", "the result has "+strconv.Itoa(len(result.Data))+
			" bytes; at most 1048576 are kept")
	case result.ContentType != wire.JSON &&
		station.PrintableHead(result.ContentType, wire.ContentTypeMax, '?') != result.ContentType:
		return wrong("result_invalid", "the content type of the result must be printable and have 1 "+
			"to 128 bytes")
	case result.ContentType == wire.JSON && !json.Valid(result.Data):
		return wrong("result_invalid", "the result is not the JSON that its content type promises")
	case result.ContentType == wire.JSON && jsonx.Depth(result.Data) > wire.BlobDepthMax:
		return wrong("result_invalid", "the result is nested deeper than 61 levels")
	}
	return wire.Ending{Outcome: wire.Completed, Result: result}
}

// afterTheCut is for work that was cut short: it has not failed, so the task goes back unspent, which
// cancels it if someone asked for that. But it may have had its time; if that spent nothing, it would
// run for ever.
func afterTheCut(ending wire.Ending, cause station.Cause, limit time.Duration) wire.Ending {
	if ending.Outcome != wire.Failed && ending.Outcome != wire.Released {
		return ending
	}
	if cause != station.Timeout {
		return wire.Ending{Outcome: wire.Released}
	}
	return wire.Ending{Outcome: wire.Failed, Code: "timeout",
		Message: fmt.Sprintf("the attempt took longer than %d ms", limit.Milliseconds())}
}

func withMiddleware(handler Handler, around []Middleware) Handler {
	for i := len(around) - 1; i >= 0; i-- {
		handler = around[i](handler)
	}
	return handler
}
