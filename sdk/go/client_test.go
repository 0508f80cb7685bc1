package treadle_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"treadle"
	"treadle/internal/testserver"
)

func TestAnEnqueueWhoseAnswerIsLostAddsOneTask(t *testing.T) {
	t.Parallel()
	server := sharedServer(t)
	proxy := testserver.NewProxy(t, server)
	p := newPlace(t, server, proxy.URL)
	proxy.Lose("/v1/tasks", 2)
	p.enqueue("t", 1)
	if !proxy.IsLost() || server.Accepted(p.queue) != 1 {
		t.Error(server.Accepted(p.queue))
	}
}

func TestWithoutKeysALostAnswerIsAnErrorThatSaysSo(t *testing.T) {
	t.Parallel()
	server := sharedServer(t)
	proxy := testserver.NewProxy(t, server)
	client, err := treadle.NewClient(treadle.Options{Servers: []string{proxy.URL}, NoKeys: true})
	if err != nil {
		t.Fatal(err)
	}
	proxy.Lose("/v1/tasks", 1)
	_, err = treadle.Enqueue(context.Background(), client, "t", nil, treadle.WithQueue(testserver.QueueOf(t)))
	if !errors.Is(err, treadle.ErrUnavailable) || !strings.Contains(err.Error(), "not known whether") {
		t.Error(err)
	}
}

func TestACallOutlivesTheServersAbsence(t *testing.T) {
	t.Parallel()
	server := testserver.Start(t)
	p := newPlace(t, server, server.URL)
	p.enqueue("t", 1)
	server.Kill()
	done := make(chan error, 1)
	go func() {
		_, err := treadle.Enqueue(p.ctx, p.client, "t", 2, treadle.WithQueue(p.queue))
		done <- err
	}()
	server.Restart()
	if err := waitFor[error](t, done); err != nil || server.Accepted(p.queue) != 2 {
		t.Error(err, server.Accepted(p.queue))
	}
}

func TestAnErrorHasACodeAndAField(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	_, err := treadle.Enqueue(p.ctx, p.client, "t", nil, treadle.WithQueue(p.queue), treadle.WithPriority(10))
	var known *treadle.Error
	if !errors.As(err, &known) || known.Code != "INVALID_ARGUMENT" || known.Field != "priority" {
		t.Error(err)
	}
	if !errors.Is(err, treadle.ErrInvalidArgument) || errors.Is(err, treadle.ErrNotFound) {
		t.Error("errors.Is does not compare codes")
	}
	if _, err := p.client.Get(p.ctx, "1-281474976710655"); !errors.Is(err, treadle.ErrNotFound) {
		t.Error(err)
	}
}

func TestAFullQueueSaysWhenToTryAgain(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	p.server.Policy(p.queue, map[string]any{"capacity": map[string]any{"tasks": 1}})
	p.enqueue("t", nil)
	_, err := treadle.Enqueue(p.ctx, p.client, "t", nil, treadle.WithQueue(p.queue))
	var known *treadle.Error
	if !errors.As(err, &known) || !errors.Is(err, treadle.ErrResourceExhausted) || known.RetryAfter <= 0 {
		t.Errorf("%+v", err)
	}
}

func TestEveryOptionReachesTheServer(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	at := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Millisecond)
	handle := p.enqueue("t", nil,
		treadle.WithPriority(0), treadle.WithMaxAttempts(3), treadle.WithRunAt(at),
		treadle.WithDeadlineAt(at.Add(time.Hour)), treadle.WithExpiresAt(at.Add(time.Minute)),
		treadle.WithAttemptTimeout(1500*time.Microsecond), treadle.WithKey("k"), treadle.WithKeyWindow(time.Hour),
		treadle.WithTags("b", "a"), treadle.WithSensitive(), treadle.WithOnDuplicate("refuse"),
		treadle.WithTraceparent(producersTrace),
		treadle.WithRetry(treadle.RetryPolicy{Backoff: "listed", Jitter: "none", MaxAttempts: 4,
			Delays: []time.Duration{time.Second, time.Minute}, Total: time.Hour, Never: []string{"n"}, Always: []string{"a"}}))
	info := p.info(handle)
	isAsAsked := info.State == treadle.StateScheduled && info.Priority == 0 && info.MaxAttempts == 3 &&
		info.RunAt.Equal(at) && info.DeadlineAt.Equal(at.Add(time.Hour)) && info.ExpiresAt.Equal(at.Add(time.Minute)) &&
		info.AttemptTimeoutMs == 2 && info.Key == "k" && strings.Join(info.Tags, " ") == "a b" && info.Sensitive &&
		info.Traceparent == producersTrace
	if !isAsAsked {
		t.Errorf("%+v", info)
	}
}

func TestValuesThatAreNoJSONAreRefusedWithTheirPlace(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	type inner struct {
		Sizes []float64 `json:"sizes"`
	}
	for _, each := range []struct {
		payload any
		field   string
	}{
		{map[string]any{"x": math.NaN()}, "payload.x"},
		{inner{[]float64{1, math.Inf(-1)}}, "payload.sizes[1]"},
		{&struct{ In *inner }{&inner{[]float64{math.NaN()}}}, "payload.In.sizes[0]"},
		{map[string]any{"x": []any{"\xff"}}, "payload.x[0]"},
		{struct{ Done chan int }{make(chan int)}, "payload.Done"},
		{json.RawMessage("{"), "payload"},
		{treadle.Bytes{Data: []byte("{"), ContentType: "application/json"}, "payload"},
	} {
		_, err := treadle.Enqueue(p.ctx, p.client, "t", each.payload, treadle.WithQueue(p.queue))
		var known *treadle.Error
		if !errors.As(err, &known) || known.Field != each.field || known.Code != "INVALID_ARGUMENT" {
			t.Errorf("%v: %v", each.field, err)
		}
	}
}

func TestValuesComeBackExactly(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	w := p.worker(treadle.WorkerOptions{Quiet: true})
	treadle.Handle(w.Worker, "any", func(_ context.Context, in any) (any, error) { return in, nil })
	treadle.Handle(w.Worker, "raw", func(_ context.Context, in json.RawMessage) (json.RawMessage, error) { return in, nil })
	treadle.Handle(w.Worker, "bytes", func(_ context.Context, in treadle.Bytes) (treadle.Bytes, error) { return in, nil })
	w.start(t)
	const text = `{"n":9223372036854775807,"f":1.50,"t":"<ä> & 😀 \ud83d\ude00 ` + "\u2028\ufffd" + `","e":1e400}`
	var raw json.RawMessage
	if p.result(p.enqueue("raw", json.RawMessage(text)), &raw); string(raw) != text {
		t.Errorf("%s", raw)
	}
	var untyped any
	p.result(p.enqueue("any", json.RawMessage(text)), &untyped)
	fields := untyped.(map[string]any)
	if fields["n"] != json.Number("9223372036854775807") || fields["e"] != json.Number("1e400") ||
		fields["t"] != "<ä> & 😀 😀 \u2028\ufffd" {
		t.Error(fields)
	}
	var number int64
	if p.result(p.enqueue("any", int64(math.MinInt64)), &number); number != math.MinInt64 {
		t.Error(number)
	}
	for _, data := range []string{"", "\x00\xff\n"} {
		var back treadle.Bytes
		p.result(p.enqueue("bytes", treadle.Bytes{Data: []byte(data), ContentType: "image/png"}), &back)
		if string(back.Data) != data || back.ContentType != "image/png" {
			t.Errorf("%+v", back)
		}
	}
}

func TestManyGoroutinesShareRequestsAndEachHearsOfItsOwnTask(t *testing.T) {
	t.Parallel()
	server := sharedServer(t)
	proxy := testserver.NewProxy(t, server)
	p := newPlace(t, server, proxy.URL)
	var all sync.WaitGroup
	var mutex sync.Mutex
	ids, refused := map[string]bool{}, 0
	for i := 0; i < 200; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			priority := 5
			if i%50 == 7 {
				priority = 10
			}
			handle, err := treadle.Enqueue(p.ctx, p.client, "t", i, treadle.WithQueue(p.queue), treadle.WithPriority(priority))
			mutex.Lock()
			defer mutex.Unlock()
			if err == nil {
				ids[handle.ID] = true
			} else if errors.Is(err, treadle.ErrInvalidArgument) {
				refused++
			}
		}(i)
	}
	all.Wait()
	if len(ids) != 196 || refused != 4 {
		t.Error(len(ids), refused)
	}
	if proxy.Requests() >= 200 {
		t.Error("no request was shared:", proxy.Requests())
	}
}

func TestTasksThatAreEnqueuedWithoutWaitingKeepTheirOrderAndAreFlushed(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	var mutex sync.Mutex
	var ids []string
	for i := 0; i < 3000; i++ {
		err := p.client.EnqueueAsync("t", i, func(handle *treadle.TaskHandle, err error) {
			mutex.Lock()
			defer mutex.Unlock()
			if err == nil {
				ids = append(ids, handle.ID)
			}
		}, treadle.WithQueue(p.queue))
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := p.client.EnqueueAsync("t", 0, nil, treadle.WithQueue(p.queue), treadle.WithPriority(99)); err != nil {
		t.Fatal(err)
	}
	if err := p.client.Close(); !errors.Is(err, treadle.ErrInvalidArgument) {
		t.Error("nobody heard of the task that was refused:", err)
	}
	if len(ids) != 3000 || p.server.Accepted(p.queue) != 3000 {
		t.Fatal(len(ids))
	}
	payload, err := p.client.Payload(p.ctx, ids[1234])
	if err != nil || string(payload.Data) != "1234" {
		t.Error(err, string(payload.Data))
	}
}

func TestTasksAreListedCancelledAndRedriven(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	handle := p.enqueue("t", nil, treadle.WithTags("vip"))
	p.enqueue("t", nil)
	if state, err := handle.Cancel(p.ctx, "the order was withdrawn"); err != nil || state != treadle.StateCancelled {
		t.Error(state, err)
	}
	var ended *treadle.TaskError
	if err := handle.Result(p.ctx, nil); !errors.As(err, &ended) || ended.State != treadle.StateCancelled ||
		ended.Code != "asked" || ended.Message != "the order was withdrawn" {
		t.Error(err)
	}
	testserver.Until(t, "it is listed", func() bool { // lists lag by as much as a checkpoint
		page, err := p.client.List(p.ctx, treadle.Filter{Queue: p.queue, Tag: "vip", State: treadle.StateCancelled})
		if err != nil {
			t.Fatal(err)
		}
		return len(page.Tasks) == 1 && page.Tasks[0].ID == handle.ID
	})
	if state, err := handle.Redrive(p.ctx); err != nil || state != treadle.StateReady {
		t.Error(state, err)
	}
	if err := p.client.Delete(p.ctx, handle.ID); err != nil {
		t.Error(err)
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	handle := p.enqueue("t", nil)
	ctx, cancel := context.WithTimeout(p.ctx, 50*time.Millisecond)
	defer cancel()
	err := handle.Result(ctx, nil)
	if !errors.Is(err, treadle.ErrDeadlineExceeded) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestBadOptionsAreRefusedByName(t *testing.T) {
	t.Parallel()
	for _, options := range []treadle.Options{
		{Servers: []string{"https://treadle.example/path"}},
		{Servers: []string{"http://host:0"}},
		{Servers: []string{"http://user:secret@host"}},
		{Token: "two words"},
		{Connections: 1000},
		{Timeout: -1},
	} {
		_, err := treadle.NewClient(options)
		if !errors.Is(err, treadle.ErrInvalidArgument) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v", options, err)
		}
	}
}
