//go:build go1.21

package treadle

import (
	"context"
	"log/slog"
)

// Logger returns a logger whose lines are kept with this attempt, like those of LogWriter. Every
// record has the task's ID and attempt.
func Logger(ctx context.Context) *slog.Logger {
	logger := slog.New(LogHandler(ctx, nil))
	if task, ok := TaskOf(ctx); ok {
		logger = logger.With("task", task.ID, "attempt", task.Attempt)
	}
	return logger
}

// LogHandler returns a handler that writes text to LogWriter. options may be nil.
func LogHandler(ctx context.Context, options *slog.HandlerOptions) slog.Handler {
	return slog.NewTextHandler(LogWriter(ctx), options)
}
