package treadle_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"treadle"
)

const producersTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// handsOn is a server that hands the trace context of producers to workers. Each traceparent of an
// enqueue goes into the channel.
func handsOn(t *testing.T, traces chan<- string) string {
	const lease = `{"token":"1-1.1.1","id":"1-1","queue":"q","type":"outer","attempt":1,"max_attempts":20,"lease_ms":30000,` +
		`"enqueued_at":"2026-11-23T20:53:01.250Z","content_type":"application/json","payload":null,` +
		`"payload_sha256":"74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b","traceparent":"` + producersTrace + `"}`
	given := make(chan string, 1)
	given <- lease
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		switch {
		case strings.HasPrefix(request.URL.Path, "/v1/tasks"):
			traces <- request.Header.Get("traceparent")
			fmt.Fprint(answer, `{"id":"1-2","duplicate":false}`)
		default:
			leases := ""
			select {
			case leases = <-given:
			case <-request.Context().Done():
			case <-time.After(50 * time.Millisecond):
			}
			fmt.Fprintf(answer, `{"leases":[%s],"reports":[{"token":"1-1.1.1","code":"OK"}],"lost":[],"cancelled":[]}`, leases)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestTheTraceContextGoesFromTaskToTask(t *testing.T) {
	t.Parallel()
	traces := make(chan string, 4)
	type key struct{}
	client, err := treadle.NewClient(treadle.Options{Servers: []string{handsOn(t, traces)},
		Traceparent: func(ctx context.Context) string {
			own, _ := ctx.Value(key{}).(string)
			return own
		}})
	if err != nil {
		t.Fatal(err)
	}
	worker := treadle.NewWorker(treadle.WorkerOptions{Client: client, Quiet: true})
	treadle.HandleFunc(worker, "outer", func(ctx context.Context, _ any) error {
		defer worker.Stop()
		task, _ := treadle.TaskOf(ctx)
		if task.Traceparent != producersTrace {
			t.Errorf("%+v", task)
		}
		enqueue := func(ctx context.Context, options ...treadle.Option) {
			if _, err := treadle.Enqueue(ctx, treadle.ClientOf(ctx), "inner", nil, options...); err != nil {
				t.Error(err)
			}
		}
		enqueue(ctx)
		enqueue(context.WithValue(ctx, key{}, "of a span"))
		enqueue(ctx, treadle.WithTraceparent("named"))
		return nil
	})
	if err := worker.Run(context.Background()); err != nil {
		t.Error(err)
	}
	if _, err := treadle.Enqueue(context.Background(), client, "outer", nil); err != nil {
		t.Error(err)
	}
	for _, wanted := range []string{producersTrace, "of a span", "named", ""} {
		if got := waitFor(t, traces); got != wanted {
			t.Errorf("%q instead of %q", got, wanted)
		}
	}
}
