package treadle_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"treadle"
	"treadle/internal/testserver"
	"treadle/treadletest"
)

// Errors and results whose methods panic.
type (
	noText    struct{ text *string }
	loud      struct{ cause any }
	badUnwrap struct{}
	badAs     struct{}
	quits     struct{}
	badJSON   struct{}
	wrongJSON struct{}
)

func (e *noText) Error() string                { return *e.text }
func (e loud) Error() string                   { panic(e.cause) }
func (badUnwrap) Error() string                { return "e" }
func (badUnwrap) Unwrap() error                { panic("no unwrapping") }
func (badAs) Error() string                    { return "e" }
func (badAs) As(any) bool                      { panic("no conversion") }
func (quits) Error() string                    { runtime.Goexit(); return "" }
func (badJSON) MarshalJSON() ([]byte, error)   { panic("no JSON") }
func (wrongJSON) MarshalJSON() ([]byte, error) { return nil, &noText{} }

const nilDereference = "runtime error: invalid memory address or nil pointer dereference"

// panicking returns errors that panic when they are asked, and what their attempts are to say.
func panicking() map[string]error {
	var (
		ours      *noText
		failure   *treadle.Failure
		snoozed   *treadle.Snoozed
		discarded *treadle.Discarded
		released  *treadle.Released
		stopped   *treadle.Stopped
		known     *treadle.Error
	)
	const returned, panicked = "the handler returned a nil %s as its error", "the handler's error, a %s, panicked: "
	return map[string]error{
		fmt.Sprintf(panicked, "*treadle_test.noText") + nilDereference:    &noText{},
		fmt.Sprintf(panicked, "treadle_test.loud") + "no words":           loud{"no words"},
		fmt.Sprintf(panicked, "treadle_test.loud") + "a panic of type":    loud{loud{loud{"deep"}}},
		fmt.Sprintf(panicked, "treadle_test.badUnwrap") + "no unwrapping": badUnwrap{},
		fmt.Sprintf(panicked, "treadle_test.badAs") + "no conversion":     badAs{},
		fmt.Sprintf(panicked, "*fmt.wrapError") + "nil *treadle.Failure":  fmt.Errorf("around: %w", failure),
		fmt.Sprintf(returned, "*treadle_test.noText"):                     ours,
		fmt.Sprintf(returned, "*treadle.Failure"):                         failure,
		fmt.Sprintf(returned, "*treadle.Snoozed"):                         snoozed,
		fmt.Sprintf(returned, "*treadle.Discarded"):                       discarded,
		fmt.Sprintf(returned, "*treadle.Released"):                        released,
		fmt.Sprintf(returned, "*treadle.Stopped"):                         stopped,
		fmt.Sprintf(returned, "*treadle.Error"):                           known,
		fmt.Sprintf(panicked, "*treadle.Failure") + "no unwrapping":       &treadle.Failure{Code: "c", Cause: badUnwrap{}},
		"nil, or the end of its goroutine":                                nil, // the handler panics with nil
	}
}

func TestAnErrorWhoseMethodsPanicFailsItsAttempt(t *testing.T) {
	t.Parallel()
	for message, err := range panicking() {
		w := treadle.NewWorker(treadle.WorkerOptions{})
		treadle.HandleFunc(w, "fails", func(context.Context, any) error {
			if err == nil {
				panic(nil)
			}
			return err
		})
		memory := treadletest.New(w)
		handle, _ := treadle.Enqueue(context.Background(), memory.Client(), "fails", nil, treadle.WithMaxAttempts(1))
		memory.Run()
		info, _ := handle.Info(context.Background())
		if info.State != treadle.StateDead || info.Error.Code != "panic" || !strings.Contains(info.Error.Message, message) {
			t.Errorf("%s %+v instead of %q", info.State, info.Error, message)
		}
		if log, _ := memory.Client().Log(context.Background(), handle.ID, 1); !strings.Contains(log, "panic: "+info.Error.Message) ||
			!strings.Contains(log, "goroutine ") {
			t.Errorf("no stack of %q in %q", message, log)
		}
	}
}

func TestNilErrorsOfThisPackageHaveWords(t *testing.T) {
	t.Parallel()
	var (
		failure *treadle.Failure
		known   *treadle.Error
	)
	for _, err := range []error{failure, known, (*treadle.Snoozed)(nil), (*treadle.Discarded)(nil),
		(*treadle.Stopped)(nil), (*treadle.TaskError)(nil)} {
		wanted := strings.Replace(fmt.Sprintf("nil %T", err), "status.", "treadle.", 1)
		if err.Error() != wanted || errors.Unwrap(err) != nil {
			t.Errorf("%q instead of %q", err, wanted)
		}
	}
	if errors.Is(known, treadle.ErrNotFound) || errors.Is(treadle.ErrNotFound, known) {
		t.Error("nil is an error with a code")
	}
}

// A panic that got away would end this program.
func TestTasksBesideOneWhoseErrorPanicsAreNotTouched(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	w := p.worker(treadle.WorkerOptions{Concurrency: 4})
	goOn := make(chan bool)
	treadle.HandleFunc(w.Worker, "holds", func(context.Context, any) error { <-goOn; return nil })
	errs := panicking()
	treadle.Handle(w.Worker, "ends", func(_ context.Context, how string) (any, error) {
		switch how {
		case "badJSON":
			return []any{badJSON{}}, nil
		case "wrongJSON":
			return []any{wrongJSON{}}, nil
		case "middleware":
			return nil, nil
		case "goexit":
			return nil, quits{}
		}
		if errs[how] == nil {
			panic(nil)
		}
		return nil, errs[how]
	})
	w.Use(func(next treadle.Handler) treadle.Handler {
		return func(ctx context.Context, task *treadle.Task) (treadle.Bytes, error) {
			result, err := next(ctx, task)
			if string(task.Payload) == `"middleware"` {
				panic(loud{loud{"deep"}})
			}
			return result, err
		}
	})
	w.start(t)
	held := p.enqueue("holds", nil)
	p.untilState(held, treadle.StateRunning)
	tasks := map[string]*treadle.TaskHandle{}
	for how := range errs {
		tasks[how] = p.enqueue("ends", how, treadle.WithMaxAttempts(1))
	}
	for how, each := range tasks {
		info := p.untilState(each, treadle.StateDead)
		if info.Error.Code != "panic" || !strings.Contains(info.Error.Message, how) {
			t.Errorf("%q: %+v", how, info.Error)
		}
	}
	for how, wanted := range map[string]string{
		"badJSON":    "panic: no JSON",
		"wrongJSON":  "result_invalid: result cannot be written as JSON: ",
		"goexit":     "panic: the handler ended its goroutine",
		"middleware": "panic: a panic of type treadle_test.loud, which panics when it is printed",
	} {
		info := p.untilState(p.enqueue("ends", how, treadle.WithMaxAttempts(1)), treadle.StateDead)
		if text := info.Error.Code + ": " + info.Error.Message; !strings.HasPrefix(text, wanted) {
			t.Errorf("%q instead of %q", text, wanted)
		}
	}
	close(goOn)
	p.result(held, nil)
	if info := p.info(held); info.Attempt != 1 || info.WorkerLosses != 0 {
		t.Errorf("%+v", info)
	}
	w.Stop()
	if err := w.wait(t); err != nil {
		t.Error(err)
	}
}

func TestALogThatPanicsLosesItsLinesOnly(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	w := treadle.NewWorker(treadle.WorkerOptions{Client: p.client, Queues: []string{p.queue},
		Log: func(string) { panic(loud{"no lines"}) }})
	treadle.Handle(w, "logs", func(ctx context.Context, n int) (int, error) {
		treadle.Logf(ctx, "number %d", n)
		return n, nil
	})
	ended := make(chan error, 1)
	go func() { ended <- w.Run(context.Background()) }()
	p.expectNumbers(p.enqueueNumbers("logs", numbers(0, 5)), numbers(0, 5))
	w.Stop()
	if err := waitFor(t, ended); err != nil {
		t.Error(err)
	}
}

func TestAFunctionOfEnqueueAsyncThatPanicsStopsNoOtherTask(t *testing.T) {
	t.Parallel()
	client := treadletest.New(treadle.NewWorker(treadle.WorkerOptions{})).Client()
	heard := make(chan error, 1)
	client.EnqueueAsync("t", 1, func(*treadle.TaskHandle, error) { panic("not heard") })
	client.EnqueueAsync("t", 2, func(_ *treadle.TaskHandle, err error) { heard <- err })
	if err := waitFor(t, heard); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), testserver.Patience)
	defer cancel()
	if err := client.Flush(ctx); err == nil || !strings.Contains(err.Error(), "panicked: not heard") {
		t.Error(err)
	}
	if err := client.Flush(ctx); err != nil {
		t.Error(err)
	}
}

// linked may lead back to itself.
type linked struct{ Next, Last *linked }

func TestAResultThatLeadsBackToItselfIsDeadAtOnce(t *testing.T) {
	t.Parallel()
	w := treadle.NewWorker(treadle.WorkerOptions{})
	treadle.Handle(w, "circles", func(context.Context, any) (*linked, error) {
		circle := &linked{}
		circle.Next, circle.Last = circle, circle
		return circle, nil
	})
	ended := make(chan *treadle.TaskInfo, 1)
	go func() { ended <- treadletest.Work(t, w, "circles", nil) }()
	if info := waitFor(t, ended); info.Error.Code != "result_invalid" || !strings.Contains(info.Error.Message, "cycle") {
		t.Errorf("%+v", info.Error)
	}
}
