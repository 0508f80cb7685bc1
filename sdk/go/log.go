package treadle

import (
	"context"
	"fmt"
	"io"
)

// LogWriter returns a writer to what is kept of this attempt: `treadle task log ID`. The first 64 KiB
// count. Lines are gathered and go with the next call or with the report; a write may block for as
// long as the server takes to answer. Outside of a handler it discards what is written.
func LogWriter(ctx context.Context) io.Writer {
	if attempt := attemptOf(ctx); attempt != nil {
		return logWriter{attempt}
	}
	return io.Discard
}

type logWriter struct{ attempt *attemptContext }

func (w logWriter) Write(text []byte) (int, error) {
	w.attempt.session().AppendLog(string(text))
	return len(text), nil
}

// Logf writes a line to what is kept of this attempt and, unless the task is sensitive, to the
// worker's log, with the task's ID before it.
func Logf(ctx context.Context, format string, args ...any) {
	attempt := attemptOf(ctx)
	if attempt == nil {
		return
	}
	line := fmt.Sprintf(format, args...)
	attempt.session().AppendLog(line)
	if !attempt.task.Sensitive && attempt.runner.log != nil {
		attempt.runner.log("task " + attempt.task.ID + " (" + attempt.task.Type + "): " + line)
	}
}
