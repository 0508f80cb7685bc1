package treadle_test

import (
	"context"
	"strings"
	"testing"

	"treadle"
)

const (
	producersTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	spansTrace     = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
	namedTrace     = "00-11112222333344445555666677778888-1111222233334444-01"
)

type spanKey struct{}

// inSpan is ctx as OpenTelemetry would have it.
func inSpan(ctx context.Context, traceparent string) context.Context {
	return context.WithValue(ctx, spanKey{}, traceparent)
}

func TestTheTraceContextGoesFromTaskToTask(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	client, err := treadle.NewClient(treadle.Options{Servers: []string{p.server.URL},
		Traceparent: func(ctx context.Context) string {
			own, _ := ctx.Value(spanKey{}).(string)
			return own
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	worker := p.worker(treadle.WorkerOptions{Client: client})
	treadle.Handle(worker.Worker, "outer", func(ctx context.Context, _ any) ([]string, error) {
		task, _ := treadle.TaskOf(ctx)
		traces := []string{task.Traceparent}
		enqueue := func(ctx context.Context, options ...treadle.Option) {
			options = append(options, treadle.WithQueue(p.queue+".inner"))
			handle, err := treadle.Enqueue(ctx, treadle.ClientOf(ctx), "inner", nil, options...)
			if err != nil {
				t.Error(err)
				return
			}
			traces = append(traces, p.info(handle).Traceparent)
		}
		enqueue(ctx)
		enqueue(inSpan(ctx, spansTrace))
		enqueue(inSpan(ctx, "00-"+strings.Repeat("0", 32)+"-b7ad6b7169203331-01"))
		enqueue(inSpan(ctx, spansTrace), treadle.WithTraceparent(namedTrace))
		return traces, nil
	})
	worker.start(t)
	var traces []string
	p.result(p.enqueue("outer", nil, treadle.WithTraceparent(producersTrace)), &traces)
	wanted := []string{producersTrace, producersTrace, spansTrace, producersTrace, namedTrace}
	if strings.Join(traces, " ") != strings.Join(wanted, " ") {
		t.Errorf("%q instead of %q", traces, wanted)
	}
}

func TestEachTaskOfABatchHasItsTraceContext(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	client, err := treadle.NewClient(treadle.Options{Servers: []string{p.server.URL},
		Traceparent: func(context.Context) string { return spansTrace }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	queue := treadle.WithQueue(p.queue)
	handles, err := client.EnqueueTasks(p.ctx, []treadle.NewTask{
		{Type: "t", Options: []treadle.Option{queue, treadle.WithTraceparent(namedTrace)}},
		{Type: "t", Options: []treadle.Option{queue}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, wanted := range []string{namedTrace, spansTrace} {
		if got := p.info(handles[i]).Traceparent; got != wanted {
			t.Errorf("%q instead of %q", got, wanted)
		}
	}
	if got := p.info(p.enqueue("t", nil)).Traceparent; got != "" {
		t.Error(got)
	}
}
