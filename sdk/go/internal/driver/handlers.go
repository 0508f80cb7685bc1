package main

import (
	"context"
	"math"
	"sync"

	"treadle"
)

// runs counts how often each task was run here.
type runs struct {
	mutex sync.Mutex
	count map[string]int
}

func (r *runs) reset() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.count = nil
}

func (r *runs) add(task string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.count == nil {
		r.count = map[string]int{}
	}
	r.count[task]++
}

func (r *runs) of(ctx context.Context) int {
	task, _ := treadle.TaskOf(ctx)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.count[task.ID]
}

func (r *runs) all() map[string]int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	all := map[string]int{}
	for task, count := range r.count {
		all[task] = count
	}
	return all
}

func attempt(ctx context.Context) int {
	task, _ := treadle.TaskOf(ctx)
	return task.Attempt
}

type failure struct {
	Code         string `json:"code"`
	Message      string `json:"message"`
	Retry        bool   `json:"retry"`
	RetryAfterMs *int64 `json:"retry_after_ms"`
}

func (f failure) err() error {
	err := treadle.Fail(f.Code, f.Message)
	if !f.Retry {
		err = treadle.NeverRetry(err)
	}
	if f.RetryAfterMs != nil {
		err = treadle.RetryAfter(err, milliseconds(*f.RetryAfterMs))
	}
	return err
}

func (d *driver) handlers(w *treadle.Worker) {
	w.Use(func(next treadle.Handler) treadle.Handler {
		return func(ctx context.Context, task *treadle.Task) (treadle.Bytes, error) {
			d.runs.add(task.ID)
			return next(ctx, task)
		}
	})
	for _, name := range []string{"outer", "inner"} {
		w.Use(named(name))
	}
	treadle.Handle(w, "echo", func(_ context.Context, in treadle.Bytes) (treadle.Bytes, error) { return in, nil })
	treadle.HandleFunc(w, "fail", func(_ context.Context, in failure) error { return in.err() })
	treadle.Handle(w, "flaky", func(ctx context.Context, in struct {
		SucceedsAt int `json:"succeeds_at"`
	}) (int, error) {
		if attempt(ctx) < in.SucceedsAt {
			return 0, treadle.Fail("flaky", "not yet")
		}
		return attempt(ctx), nil
	})
	treadle.Handle(w, "traced", func(ctx context.Context, _ any) (*string, error) {
		task, _ := treadle.TaskOf(ctx)
		if task.Attempt == 1 {
			return nil, treadle.Fail("again", "")
		}
		if task.Traceparent == "" {
			return nil, nil
		}
		return &task.Traceparent, nil
	})
	treadle.HandleFunc(w, "raise", func(_ context.Context, in failure) error { panic(in.Message) })
	treadle.Handle(w, "snooze", func(ctx context.Context, in struct {
		DelayMs int64 `json:"delay_ms"`
	}) (int, error) {
		if d.runs.of(ctx) == 1 {
			return 0, treadle.Snooze(milliseconds(in.DelayMs))
		}
		return attempt(ctx), nil
	})
	treadle.Handle(w, "release", func(ctx context.Context, _ any) (int, error) {
		if d.runs.of(ctx) == 1 {
			return 0, treadle.Release()
		}
		return attempt(ctx), nil
	})
	treadle.HandleFunc(w, "discard", func(_ context.Context, in struct {
		Reason string `json:"reason"`
	}) error {
		return treadle.Discard(in.Reason)
	})
	treadle.Handle(w, "steps", d.steps)
	treadle.Handle(w, "checkpoint", checkpoint)
	treadle.HandleFunc(w, "logs", func(ctx context.Context, in struct {
		Lines []string `json:"lines"`
	}) error {
		for _, line := range in.Lines {
			treadle.Logf(ctx, "%s", line)
		}
		return nil
	})
	timeHandlers(d, w)
	w.AddPool(treadle.PoolOptions{Name: "own", Queues: []string{d.queue + ".own"}, Concurrency: 1})
	treadle.Handle(w, "own", func(ctx context.Context, in treadle.Task) (string, error) {
		return in.Queue, nil
	}, treadle.InPool("own"))
	treadle.Handle(w, "around", func(ctx context.Context, _ any) ([]string, error) {
		return ctx.Value(entered{}).([]string), nil
	})
	treadle.Handle(w, "agreed", func(_ context.Context, in counted) (int, error) {
		return in.Count, nil
	}, treadle.WithContract(treadle.Contract{InputSchema: []byte(
		`{"type":"object","properties":{"count":{"type":"integer"}},"required":["count"]}`)}))
	treadle.Handle(w, "nan", func(context.Context, any) (float64, error) { return math.NaN(), nil })
	treadle.Handle(w, "typed", func(_ context.Context, in counted) (int, error) {
		return in.Count, nil
	})
}

func (d *driver) steps(ctx context.Context, _ any) (int, error) {
	charged, err := treadle.Step(ctx, "charge", func() (int, error) { return d.runs.of(ctx), nil })
	if err == nil && attempt(ctx) == 1 {
		err = treadle.Fail("again", "")
	}
	return charged, err
}

func checkpoint(ctx context.Context, _ any) (int, error) {
	found, _, err := treadle.Checkpoint[int](ctx)
	if err != nil || attempt(ctx) >= 3 {
		return found, err
	}
	if err := treadle.SaveCheckpoint(ctx, attempt(ctx)); err != nil {
		return 0, err
	}
	return 0, treadle.Fail("again", "")
}
