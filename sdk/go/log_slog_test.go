//go:build go1.21

package treadle_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"treadle"
)

type panickingValue struct{}

func (panickingValue) LogValue() slog.Value { panic("no value") }

func TestWhatAHandlerLogsIsKeptWithItsAttempt(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	w := p.worker(treadle.WorkerOptions{})
	treadle.HandleFunc(w.Worker, "logs", func(ctx context.Context, _ any) error {
		treadle.Logger(ctx).Info("resized", "width", 300)
		treadle.Logger(ctx).With("v", panickingValue{}).Info("panics", "w", panickingValue{})
		fmt.Fprintln(treadle.LogWriter(ctx), "by writer ä")
		treadle.Logf(ctx, "by %s", "format")
		return nil
	})
	w.start(t)
	handle := p.enqueue("logs", nil)
	p.result(handle, nil)
	log, err := p.client.Log(p.ctx, handle.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []string{"msg=resized task=" + handle.ID + " attempt=1 width=300\n", "msg=panics ", "by writer ä\n", "by format\n"} {
		if !strings.Contains(log, wanted) {
			t.Errorf("%q is not in %q", wanted, log)
		}
	}
	if !strings.Contains(w.text(), "task "+handle.ID+" (logs): by format") {
		t.Error(w.text())
	}
}
