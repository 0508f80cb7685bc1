package treadletest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"treadle"
	"treadle/treadletest"
)

var ctx = context.Background()

func enqueue(t *testing.T, client *treadle.Client, taskType string, payload any, options ...treadle.Option) *treadle.TaskHandle {
	t.Helper()
	handle, err := treadle.Enqueue(ctx, client, taskType, payload, options...)
	if err != nil {
		t.Fatal(err)
	}
	return handle
}

func state(t *testing.T, handle *treadle.TaskHandle) treadle.State {
	t.Helper()
	info, err := handle.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return info.State
}

func TestATaskRunsAndItsResultIsRead(t *testing.T) {
	worker := treadle.NewWorker(treadle.WorkerOptions{})
	treadle.Handle(worker, "greet", func(_ context.Context, name string) (string, error) { return "Hello, " + name, nil })
	memory := treadletest.New(worker)
	handle := enqueue(t, memory.Client(), "greet", "Ada")
	if state(t, handle) != treadle.StateReady {
		t.Error("it ran at once")
	}
	var text string
	if err := handle.Result(ctx, &text); err != nil || text != "Hello, Ada" {
		t.Error(err, text)
	}
}

func TestANilHandlerIsNamed(t *testing.T) {
	worker := treadle.NewWorker(treadle.WorkerOptions{})
	worker.HandleRaw("raw", nil)
	memory := treadletest.New(worker)
	enqueue(t, memory.Client(), "raw", nil)
	defer func() {
		if found := recover(); found != "the handler of raw is nil" {
			t.Error(found)
		}
	}()
	memory.Run()
}

func TestAnInlineTaskHasEndedWhenEnqueueReturns(t *testing.T) {
	worker := treadle.NewWorker(treadle.WorkerOptions{})
	treadle.HandleFunc(worker, "outer", func(ctx context.Context, _ any) error {
		_, err := treadle.Enqueue(ctx, treadle.ClientOf(ctx), "inner", nil)
		return err
	})
	treadle.HandleFunc(worker, "inner", func(context.Context, any) error { return nil })
	memory := treadletest.NewInline(worker)
	enqueue(t, memory.Client(), "outer", nil)
	for _, each := range memory.Tasks() {
		if each.State != treadle.StateCompleted {
			t.Errorf("%+v", each)
		}
	}
	if len(memory.Tasks()) != 2 {
		t.Error(len(memory.Tasks()))
	}
}

func TestATraceReachesTheHandlerAndMakesNoOtherRequest(t *testing.T) {
	worker := treadle.NewWorker(treadle.WorkerOptions{})
	treadle.Handle(worker, "traced", func(ctx context.Context, _ any) (string, error) {
		task, _ := treadle.TaskOf(ctx)
		return task.Traceparent, nil
	})
	memory := treadletest.New(worker)
	first := enqueue(t, memory.Client(), "traced", nil, treadle.WithKey("k"), treadle.WithTraceparent("first"))
	again := enqueue(t, memory.Client(), "traced", nil, treadle.WithKey("k"), treadle.WithTraceparent("second"))
	if again.ID != first.ID || !again.IsDuplicate {
		t.Errorf("%+v %+v", first, again)
	}
	var trace string
	if err := first.Result(ctx, &trace); err != nil || trace != "first" {
		t.Error(err, trace)
	}
}

func TestRetriesFollowTheirPolicyAndTheDrivenClock(t *testing.T) {
	worker := treadle.NewWorker(treadle.WorkerOptions{})
	fail := treadle.Fail("sold_out", "no more of it")
	treadle.HandleFunc(worker, "fails", func(context.Context, any) error { return fail })
	memory := treadletest.New(worker)
	handle := enqueue(t, memory.Client(), "fails", nil,
		treadle.WithRetry(treadle.RetryPolicy{Backoff: "linear", Base: time.Second, MaxAttempts: 3}))
	for _, step := range []struct {
		advance time.Duration
		runs    int
		state   treadle.State
	}{
		{0, 1, treadle.StateRetrying},
		{999 * time.Millisecond, 0, treadle.StateRetrying},
		{time.Millisecond, 1, treadle.StateRetrying},
		{2 * time.Second, 1, treadle.StateDead},
	} {
		if runs := memory.Advance(step.advance); runs != step.runs || state(t, handle) != step.state {
			t.Errorf("after %v: %d runs, %s", step.advance, runs, state(t, handle))
		}
	}
	var failed *treadle.TaskError
	if err := handle.Result(ctx, nil); !errors.As(err, &failed) || failed.Code != "sold_out" {
		t.Error(err)
	}
	fail = nil
	if _, err := handle.Redrive(ctx); err != nil {
		t.Fatal(err)
	}
	if memory.Run() != 1 || state(t, handle) != treadle.StateCompleted {
		t.Error(state(t, handle))
	}
}

func TestDelaysSnoozesAndExpiryFollowTheDrivenClock(t *testing.T) {
	worker := treadle.NewWorker(treadle.WorkerOptions{})
	runs := 0
	treadle.Handle(worker, "snoozes", func(ctx context.Context, _ any) (int, error) {
		if runs++; runs == 1 {
			return 0, treadle.Snooze(time.Hour)
		}
		task, _ := treadle.TaskOf(ctx)
		return task.Attempt, nil
	})
	memory := treadletest.New(worker)
	handle := enqueue(t, memory.Client(), "snoozes", nil, treadle.WithDelay(time.Minute))
	late := enqueue(t, memory.Client(), "nobody handles it", nil, treadle.WithExpiresIn(time.Second))
	if memory.Advance(time.Hour+time.Second) != 1 {
		t.Error(runs)
	}
	if state(t, handle) != treadle.StateScheduled || state(t, late) != treadle.StateExpired {
		t.Error(state(t, handle), state(t, late))
	}
	memory.Advance(time.Minute)
	var attempt int
	if err := handle.Result(ctx, &attempt); err != nil || attempt != 1 {
		t.Error("a snooze spent an attempt", err, attempt)
	}
}

func TestStepsCheckpointsAndLogsAreKeptBetweenAttempts(t *testing.T) {
	worker := treadle.NewWorker(treadle.WorkerOptions{})
	charges := 0
	treadle.Handle(worker, "pays", func(ctx context.Context, _ any) (int, error) {
		charge, err := treadle.Step(ctx, "charge", func() (int, error) { charges++; return charges, nil })
		if err != nil {
			return 0, err
		}
		seen, _, err := treadle.Checkpoint[int](ctx)
		if err != nil {
			return 0, err
		}
		if seen == 0 {
			treadle.Logf(ctx, "charged %d", charge)
			if err := treadle.SaveCheckpoint(ctx, 7); err != nil {
				return 0, err
			}
			panic("the power failed")
		}
		return charge + seen, nil
	})
	memory := treadletest.New(worker)
	handle := enqueue(t, memory.Client(), "pays", nil)
	memory.Advance(time.Minute)
	var sum int
	if err := handle.Result(ctx, &sum); err != nil || sum != 8 || charges != 1 {
		t.Error(err, sum, charges)
	}
	log, err := memory.Client().Log(ctx, handle.ID, 1)
	if err != nil || !strings.Contains(log, "charged 1\n") || !strings.Contains(log, "panic: the power failed") {
		t.Error(err, log)
	}
}

func TestAKeyAdmitsOneTask(t *testing.T) {
	memory := treadletest.New(treadle.NewWorker(treadle.WorkerOptions{}))
	first := enqueue(t, memory.Client(), "a", 1, treadle.WithKey("k"))
	again := enqueue(t, memory.Client(), "a", 1, treadle.WithKey("k"))
	if again.ID != first.ID || !again.IsDuplicate {
		t.Errorf("%+v", again)
	}
	_, err := treadle.Enqueue(ctx, memory.Client(), "a", 2, treadle.WithKey("k"))
	if !errors.Is(err, treadle.ErrAlreadyExists) {
		t.Error(err)
	}
	memory.Advance(25 * time.Hour)
	if later := enqueue(t, memory.Client(), "a", 2, treadle.WithKey("k")); later.ID == first.ID {
		t.Error("the key held for ever")
	}
}

func TestATaskThatIsCancelledWhileItRunsIsCancelled(t *testing.T) {
	worker := treadle.NewWorker(treadle.WorkerOptions{})
	treadle.HandleFunc(worker, "waits", func(ctx context.Context, _ any) error {
		task, _ := treadle.TaskOf(ctx)
		if _, err := treadle.ClientOf(ctx).Cancel(ctx, task.ID, ""); err != nil {
			return err
		}
		<-ctx.Done()
		if treadle.CauseOf(ctx) != treadle.CauseRequested {
			t.Error(treadle.CauseOf(ctx))
		}
		return ctx.Err()
	})
	memory := treadletest.New(worker)
	handle := enqueue(t, memory.Client(), "waits", nil)
	memory.Run()
	if state(t, handle) != treadle.StateCancelled {
		t.Error(state(t, handle))
	}
}

func TestWaitingForWhatIsNotDueFailsAtOnce(t *testing.T) {
	memory := treadletest.New(treadle.NewWorker(treadle.WorkerOptions{}))
	handle := enqueue(t, memory.Client(), "a", nil, treadle.WithDelay(time.Hour))
	if err := handle.Result(ctx, nil); !errors.Is(err, treadle.ErrFailedPrecondition) {
		t.Error(err)
	}
}

func TestATaskIsEditedExplainedAndItsAttemptsAreListed(t *testing.T) {
	worker := treadle.NewWorker(treadle.WorkerOptions{})
	treadle.Handle(worker, "doubles", func(ctx context.Context, n int) (int, error) {
		return treadle.Step(ctx, "doubled", func() (int, error) {
			if n < 0 {
				return 0, treadle.Fail("negative", "below zero")
			}
			return 2 * n, nil
		})
	})
	memory := treadletest.New(worker)
	reason := func(handle *treadle.TaskHandle) string {
		t.Helper()
		why, err := handle.Explain(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return why.Reason
	}
	if other := enqueue(t, memory.Client(), "nobody handles it", nil); reason(other) != "no_worker" {
		t.Error(reason(other))
	}
	handle := enqueue(t, memory.Client(), "doubles", -1, treadle.WithDelay(time.Hour), treadle.WithMaxAttempts(1))
	if reason(handle) != "not_due" {
		t.Error(reason(handle))
	}
	if state, err := handle.Edit(ctx, treadle.Edit{RunAt: memory.Now()}); err != nil || state != treadle.StateReady || reason(handle) != "about_to_start" {
		t.Error(state, err, reason(handle))
	}
	memory.Run()
	if state(t, handle) != treadle.StateDead {
		t.Error(state(t, handle))
	}
	if _, err := handle.Edit(ctx, treadle.Edit{Payload: 21, MaxAttempts: 2}); err != nil {
		t.Error(err)
	}
	handle.Redrive(ctx)
	if doubled := treadletest.RequireResult[int](t, memory, handle.ID); doubled != 42 {
		t.Error(doubled)
	}
	if result, err := memory.Client().Result(ctx, handle.ID); err != nil || string(result.Data) != "42" {
		t.Error(result, err)
	}
	history, err := handle.Attempts(ctx)
	if err != nil || len(history.Attempts) != 2 || history.Attempts[0].Error.Code != "negative" || history.Attempts[1].Outcome != "completed" {
		t.Errorf("%+v %v", history, err)
	}
}

func TestAReleasedAttemptIsNotSpentAndItsResultIsDropped(t *testing.T) {
	worker := treadle.NewWorker(treadle.WorkerOptions{})
	runs := 0
	treadle.Handle(worker, "hangs", func(ctx context.Context, _ any) (int, error) {
		task, _ := treadle.TaskOf(ctx)
		if runs++; runs == 1 {
			if _, err := treadle.ClientOf(ctx).Release(ctx, task.ID, "it hangs"); err != nil {
				t.Error(err)
			}
			<-ctx.Done()
		}
		return task.Attempt, nil
	})
	memory := treadletest.New(worker)
	handle := enqueue(t, memory.Client(), "hangs", nil)
	if attempt := treadletest.RequireResult[int](t, memory, handle.ID); attempt != 1 || runs != 2 {
		t.Error(attempt, runs)
	}
	history, err := handle.Attempts(ctx)
	if err != nil || history.Attempts[0].Outcome != "released" || history.Attempts[0].Error.Message != "it hangs" {
		t.Errorf("%+v %v", history, err)
	}
}

// failing is a test that notes that it failed.
type failing struct {
	testing.TB
	said string
}

func (f *failing) Helper() {}
func (f *failing) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func saidBy(fails func(t testing.TB)) string {
	f, ended := &failing{}, make(chan bool)
	go func() {
		defer close(ended)
		fails(f)
	}()
	<-ended
	return f.said
}

func TestHelpersSayWhatIsNotAsExpected(t *testing.T) {
	worker := treadle.NewWorker(treadle.WorkerOptions{})
	treadle.HandleFunc(worker, "splits", func(ctx context.Context, count int) error {
		if count == 0 {
			return treadle.NeverRetry(errors.New("nothing to split"))
		}
		_, err := treadle.EnqueueMany(ctx, treadle.ClientOf(ctx), "part", []int{1, 2}[:count], treadle.WithPriority(7))
		return err
	})
	if task := treadletest.Work(t, worker, "splits", 0); task.State != treadle.StateDead || task.Error.Message != "nothing to split" {
		t.Errorf("%+v", task)
	}
	memory := treadletest.New(worker)
	treadletest.RequireNotEnqueued(t, memory, "part")
	enqueue(t, memory.Client(), "splits", 1)
	memory.Run()
	if payload, task := treadletest.RequireEnqueued[int](t, memory, "part"); payload != 1 || task.Priority != 7 {
		t.Error(payload, task)
	}
	for wanted, fails := range map[string]func(t testing.TB){
		"1 tasks of type part were enqueued, and not 0": func(t testing.TB) { treadletest.RequireNotEnqueued(t, memory, "part") },
		"1 tasks of type part were enqueued, and not 2": func(t testing.TB) { treadletest.RequireManyEnqueued[int](t, memory, "part", 2) },
		"payload must be string":                        func(t testing.TB) { treadletest.RequireEnqueued[string](t, memory, "part") },
		"still ready":                                   func(t testing.TB) { treadletest.RequireResult[int](t, memory, "1-2") },
		"no handler for part":                           func(t testing.TB) { treadletest.Work(t, worker, "part", 1) },
	} {
		if said := saidBy(fails); !strings.Contains(said, wanted) {
			t.Errorf("%q instead of %q", said, wanted)
		}
	}
}
