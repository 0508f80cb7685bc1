package main

import (
	"context"
	"math"
	"strings"
	"time"

	"treadle"
)

// entered is the key of a context for the names of the middlewares around a handler.
type entered struct{}

func named(name string) treadle.Middleware {
	return func(next treadle.Handler) treadle.Handler {
		return func(ctx context.Context, task *treadle.Task) (treadle.Bytes, error) {
			outside, _ := ctx.Value(entered{}).([]string)
			names := append(append([]string{}, outside...), name)
			return next(context.WithValue(ctx, entered{}, names), task)
		}
	}
}

type timed struct {
	Fraction float64 `json:"fraction"`
	Message  string  `json:"message"`
	Ms       int64   `json:"ms"`
}

type counted struct {
	Count int `json:"count"`
}

func timeHandlers(d *driver, w *treadle.Worker) {
	treadle.Handle(w, "wait", wait)
	treadle.Handle(w, "progress", func(ctx context.Context, in timed) (string, error) {
		treadle.Progress(ctx, in.Fraction, in.Message)
		return wait(ctx, in)
	})
	treadle.Handle(w, "deaf", func(ctx context.Context, in timed) (int, error) {
		time.Sleep(milliseconds(in.Ms))
		return d.runs.of(ctx), nil
	})
	treadle.Handle(w, "spin", func(_ context.Context, in timed) (string, error) {
		for end := time.Now().Add(milliseconds(in.Ms)); time.Now().Before(end); {
			continue
		}
		return "computed", nil
	})
	treadle.Handle(w, "deadlines", deadlines)
	treadle.Handle(w, "chars", func(_ context.Context, in counted) (string, error) {
		return strings.Repeat("x", in.Count), nil
	})
}

func deadlines(ctx context.Context, task treadle.Task) (map[string]any, error) {
	left := map[string]any{"attempt": nil, "task": nil}
	if deadline, ok := ctx.Deadline(); ok {
		left["attempt"] = tens(time.Until(deadline))
	}
	if !task.DeadlineAt.IsZero() {
		left["task"] = tens(time.Until(task.DeadlineAt))
	}
	return left, nil
}

func tens(left time.Duration) float64 { return math.Ceil(left.Seconds() / 10) }

func wait(ctx context.Context, in timed) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, milliseconds(in.Ms))
	defer cancel()
	<-ctx.Done()
	if treadle.CauseOf(ctx) != treadle.CauseNone {
		return "", ctx.Err()
	}
	return "waited", nil
}
