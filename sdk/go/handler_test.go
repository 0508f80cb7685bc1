package treadle_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"treadle"
	"treadle/internal/testserver"
)

func TestHowAHandlerEndsIsHowItsTaskEnds(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	w := p.worker(treadle.WorkerOptions{})
	type ends struct{ How string }
	treadle.HandleFunc(w.Worker, "ends", func(_ context.Context, in ends) error {
		switch in.How {
		case "error":
			return errors.New("a plain one")
		case "never":
			return fmt.Errorf("around: %w", treadle.NeverRetry(treadle.Fail("sold_out", "no more")))
		case "after":
			return treadle.RetryAfter(errors.New("busy"), time.Hour)
		case "panic":
			var nobody *ends
			return errors.New(nobody.How)
		case "discard":
			return treadle.Discard("too late")
		case "invalid":
			return fmt.Errorf("around: %w", &treadle.Error{Code: "INVALID_ARGUMENT", Detail: "no such size"})
		case "missing":
			return &treadle.Error{Code: "NOT_FOUND", Detail: "no such file"}
		}
		return nil
	})
	w.start(t)
	for _, each := range []struct {
		how     string
		state   treadle.State
		code    string
		message string
	}{
		{"", treadle.StateCompleted, "", ""},
		{"error", treadle.StateDead, "error", "a plain one"},
		{"never", treadle.StateDead, "sold_out", "no more"},
		{"panic", treadle.StateDead, "panic", "runtime error: invalid memory address or nil pointer dereference"},
		{"discard", treadle.StateCancelled, "discarded", "too late"},
		{"invalid", treadle.StateDead, "INVALID_ARGUMENT", "around: INVALID_ARGUMENT: no such size"},
		{"missing", treadle.StateRetrying, "NOT_FOUND", "NOT_FOUND: no such file"},
	} {
		attempts := treadle.WithMaxAttempts(1)
		if each.how == "invalid" || each.how == "missing" {
			attempts = treadle.WithRetry(treadle.RetryPolicy{Backoff: "fixed", Base: time.Hour, Jitter: "none"})
		}
		handle := p.enqueue("ends", ends{each.how}, attempts)
		info := p.untilState(handle, each.state)
		if info.Error.Code != each.code || info.Error.Message != each.message {
			t.Errorf("%s: %+v", each.how, info.Error)
		}
		if log, _ := p.client.Log(p.ctx, handle.ID, 0); each.how == "panic" && !strings.Contains(log, "handler_test.go") {
			t.Error("the stack is not in the log:", log)
		}
	}
	info := p.untilState(p.enqueue("ends", ends{"after"}), treadle.StateRetrying)
	if wait := time.Until(info.NextAttemptAt); wait < 50*time.Minute || info.Error.Message != "busy" {
		t.Error(wait, info.Error)
	}
}

func TestOneLineForEachTask(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	w := p.worker(treadle.WorkerOptions{})
	treadle.HandleFunc(w.Worker, "resize", func(_ context.Context, why string) error {
		if why == "" {
			return nil
		}
		return errors.New(why)
	})
	w.start(t)
	retry := treadle.WithRetry(treadle.RetryPolicy{Backoff: "fixed", Base: 222 * time.Second, Jitter: "none"})
	p.enqueue("resize", "")
	p.enqueue("resize", "frame\nno such \x1bhost", retry)
	p.enqueue("resize", "a secret", retry, treadle.WithSensitive())
	p.enqueue("resize", "x", treadle.WithMaxAttempts(1))
	for _, wanted := range []string{
		`(?m)^1-\d+ resize completed in \d+ ms$`,
		`(?m)^1-\d+ resize failed \(error: no such \\x1bhost\), attempt 1 of 20, retrying in 3 min 4?[01]? ?s?`,
		`(?m)^1-\d+ resize failed, attempt 1 of 20, retrying in 3 min`,
		`(?m)^1-\d+ resize failed \(error: x\), attempt 1 of 1, dead$`,
	} {
		testserver.Until(t, wanted, func() bool { return regexp.MustCompile(wanted).MatchString(w.text()) })
	}
	if strings.Contains(w.text(), "secret") {
		t.Error(w.text())
	}
}

func TestLinesAsJSONHaveWhatFollows(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	w := p.worker(treadle.WorkerOptions{Lines: treadle.LinesAsJSON})
	treadle.HandleFunc(w.Worker, "fails", func(context.Context, any) error { return treadle.Fail("c", "m") })
	w.start(t)
	p.enqueue("fails", nil)
	wanted := regexp.MustCompile(`"type":"fails","outcome":"failed","ms":\d+,"attempt":1,"max_attempts":20,` +
		`"code":"c","error":"m","state":"retrying","retry_in_ms":\d+}`)
	testserver.Until(t, "the line is there", func() bool { return wanted.MatchString(w.text()) })
}

func TestAnAttemptThatTakesTooLongFailsAsTimeout(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	w := p.worker(treadle.WorkerOptions{CancelWait: 50 * time.Millisecond})
	causes := make(chan treadle.Cause, 1)
	treadle.HandleFunc(w.Worker, "heeds", func(ctx context.Context, _ any) error {
		<-ctx.Done()
		causes <- treadle.CauseOf(ctx)
		return ctx.Err()
	}, treadle.WithTimeout(20*time.Millisecond))
	deaf := make(chan bool)
	treadle.HandleFunc(w.Worker, "deaf", func(ctx context.Context, _ any) error {
		if _, has := ctx.Deadline(); !has {
			t.Error("the context has no deadline")
		}
		<-deaf
		return nil
	})
	w.start(t)
	first := p.untilState(p.enqueue("heeds", nil, treadle.WithMaxAttempts(1)), treadle.StateDead)
	if first.Error.Code != "timeout" || waitFor(t, causes) != treadle.CauseTimeout {
		t.Errorf("%+v", first.Error)
	}
	second := p.untilState(p.enqueue("deaf", nil, treadle.WithMaxAttempts(1),
		treadle.WithAttemptTimeout(30*time.Millisecond)), treadle.StateDead)
	close(deaf)
	if second.Error.Code != "timeout" && second.Error.Code != "attempt_timeout" {
		t.Errorf("%+v", second.Error)
	}
}

func TestPoolsKeepLongTasksFromStarvingShortOnes(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	w := p.worker(treadle.WorkerOptions{Concurrency: 1})
	goOn := make(chan bool)
	w.AddPool(treadle.PoolOptions{Name: "slow", Queues: []string{p.queue}, Concurrency: 1})
	treadle.HandleFunc(w.Worker, "long", func(context.Context, any) error { <-goOn; return nil }, treadle.InPool("slow"))
	treadle.HandleFunc(w.Worker, "short", func(context.Context, any) error { return nil })
	w.start(t)
	long := p.enqueue("long", nil)
	p.untilState(long, treadle.StateRunning)
	p.result(p.enqueue("short", nil), nil)
	close(goOn)
	p.result(long, nil)
}

func TestMiddlewareSurroundsHandlersTheFirstOutermost(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	w := p.worker(treadle.WorkerOptions{})
	for _, name := range []string{"outer", "inner"} {
		name := name
		w.Use(func(next treadle.Handler) treadle.Handler {
			return func(ctx context.Context, task *treadle.Task) (treadle.Bytes, error) {
				result, err := next(ctx, task)
				result.Data = append([]byte(name+" "), result.Data...)
				return result, err
			}
		})
	}
	treadle.Handle(w.Worker, "says", func(context.Context, any) ([]byte, error) { return []byte("handler"), nil })
	w.start(t)
	var said []byte
	if p.result(p.enqueue("says", nil), &said); string(said) != "outer inner handler" {
		t.Errorf("%s", said)
	}
}

func TestAHandlerThatStopsItsWorkerSaysWhy(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	w := p.worker(treadle.WorkerOptions{})
	treadle.HandleFunc(w.Worker, "draws", func(context.Context, any) error { return treadle.StopWorker("no GPU here") })
	w.start(t)
	handle := p.enqueue("draws", nil)
	err := w.wait(t)
	if !errors.Is(err, treadle.ErrFailedPrecondition) || !strings.Contains(err.Error(), "no GPU here") {
		t.Error(err)
	}
	if info := p.info(handle); info.State != treadle.StateReady || info.Attempt != 0 {
		t.Errorf("%+v", info)
	}
}

func TestProgressIsSeenWhileTheAttemptRuns(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	w := p.worker(treadle.WorkerOptions{})
	goOn := make(chan bool)
	treadle.HandleFunc(w.Worker, "counts", func(ctx context.Context, _ any) error {
		treadle.Progress(ctx, 0.25, "1 of 4")
		<-goOn
		return nil
	})
	w.start(t)
	handle := p.enqueue("counts", nil)
	testserver.Until(t, "progress is seen", func() bool {
		progress := p.info(handle).Progress
		return progress != nil && progress.Fraction == 0.25 && progress.Message == "1 of 4"
	})
	close(goOn)
	p.result(handle, nil)
}

func TestAWorkerWithoutHandlersOrWithUnknownPoolsIsRefused(t *testing.T) {
	t.Parallel()
	client, err := treadle.NewClient(treadle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	empty := treadle.NewWorker(treadle.WorkerOptions{Client: client})
	if err := empty.Run(context.Background()); !errors.Is(err, treadle.ErrInvalidArgument) {
		t.Error(err)
	}
	lost := treadle.NewWorker(treadle.WorkerOptions{Client: client})
	treadle.HandleFunc(lost, "t", func(context.Context, any) error { return nil }, treadle.InPool("none"))
	if err := lost.Run(context.Background()); err == nil || !strings.Contains(err.Error(), `"none"`) {
		t.Error(err)
	}
}

func TestANilHandlerOrMiddlewareIsRefused(t *testing.T) {
	t.Parallel()
	client, err := treadle.NewClient(treadle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for wanted, register := range map[string]func(*treadle.Worker){
		"the handler of raw is nil":   func(w *treadle.Worker) { w.HandleRaw("raw", nil) },
		"the handler of typed is nil": func(w *treadle.Worker) { treadle.Handle[int, int](w, "typed", nil) },
		"the handler of func is nil":  func(w *treadle.Worker) { treadle.HandleFunc[int](w, "func", nil) },
		"a middleware is nil":         func(w *treadle.Worker) { w.Use(nil) },
	} {
		w := treadle.NewWorker(treadle.WorkerOptions{Client: client})
		treadle.HandleFunc(w, "good", func(context.Context, any) error { return nil })
		register(w)
		err := w.Run(context.Background())
		if !errors.Is(err, treadle.ErrInvalidArgument) || !strings.Contains(err.Error(), wanted) {
			t.Errorf("%v, and not %s", err, wanted)
		}
	}
}

func TestWhatWasFetchedEarlyGoesBackWhenItDoesNotGetItsTurn(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	first := p.worker(treadle.WorkerOptions{Concurrency: 1, Quiet: true})
	goOn, isLong := make(chan bool), make(chan bool, 1)
	handler := func(_ context.Context, n int) (int, error) {
		if n == 60 {
			isLong <- true
			<-goOn
		}
		return n, nil
	}
	treadle.Handle(first.Worker, "t", handler)
	handles := p.enqueueNumbers("t", numbers(0, 70))
	first.start(t)
	waitFor(t, isLong)
	second := p.worker(treadle.WorkerOptions{Quiet: true})
	treadle.Handle(second.Worker, "t", handler)
	second.start(t)
	for _, each := range handles[61:] {
		p.result(each, nil)
	}
	close(goOn)
	p.result(handles[60], nil)
}

func TestWhatHandlersEnqueueWithoutWaitingIsSentBeforeTheWorkerEnds(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	const tasks = 2000
	w := p.worker(treadle.WorkerOptions{})
	treadle.HandleFunc(w.Worker, "splits", func(ctx context.Context, _ any) error {
		for i := 0; i < tasks; i++ {
			if err := treadle.ClientOf(ctx).EnqueueAsync("part", i, nil, treadle.WithQueue(p.queue)); err != nil {
				return err
			}
		}
		w.Stop()
		return nil
	})
	p.enqueue("splits", nil)
	w.start(t)
	if err := w.wait(t); err != nil {
		t.Error(err)
	}
	if accepted := p.server.Accepted(p.queue); accepted != tasks+1 {
		t.Error(accepted)
	}
}
