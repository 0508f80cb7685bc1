package treadle_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"treadle"
	"treadle/internal/testserver"
)

// counted notes which payloads were run, and how often.
type counted struct {
	mutex sync.Mutex
	runs  []int
}

func (c *counted) handle(_ context.Context, n int) (int, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.runs = append(c.runs, n)
	return n, nil
}

func (c *counted) sorted() []int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	runs := append([]int{}, c.runs...)
	sort.Ints(runs)
	return runs
}

func numbers(from, to int) []int {
	var all []int
	for ; from < to; from++ {
		all = append(all, from)
	}
	return all
}

func (p *place) enqueueNumbers(taskType string, all []int) []*treadle.TaskHandle {
	p.Helper()
	handles, err := treadle.EnqueueMany(p.ctx, p.client, taskType, all, treadle.WithQueue(p.queue))
	if err != nil {
		p.Fatal(err)
	}
	return handles
}

func (p *place) expectNumbers(handles []*treadle.TaskHandle, all []int) {
	p.Helper()
	for i, handle := range handles {
		var n int
		if p.result(handle, &n); n != all[i] {
			p.Fatalf("%s returned %d instead of %d", handle.ID, n, all[i])
		}
	}
}

func TestAServerThatIsKilledWhileTasksRunLosesNothing(t *testing.T) {
	t.Parallel()
	server := testserver.Start(t)
	p := newPlace(t, server, server.URL)
	running, goOn := make(chan int, 3), make(chan struct{})
	w := p.worker(treadle.WorkerOptions{})
	treadle.Handle(w.Worker, "long", func(_ context.Context, n int) (int, error) {
		running <- n
		<-goOn
		return n, nil
	})
	w.start(t)
	handles := p.enqueueNumbers("long", numbers(0, 3))
	for range handles {
		waitFor(t, running)
	}
	server.Kill()
	close(goOn)
	testserver.Until(t, "the worker misses its server", func() bool {
		return strings.Contains(w.text(), "trying again until it answers")
	})
	server.Restart()
	p.expectNumbers(handles, numbers(0, 3))
	if len(running) != 0 {
		t.Error("a task ran twice, though the leases outlived the server")
	}
	// The reports that end the tasks are also how the worker learns that its server is back.
	testserver.Until(t, "the return is logged", func() bool {
		return strings.Contains(w.text(), "the server is back after")
	})
}

func TestAServerThatRestartsUnderLoadRunsEveryTask(t *testing.T) {
	t.Parallel()
	const tasks = 2000
	server := testserver.Start(t)
	p := newPlace(t, server, server.URL)
	var c counted
	w := p.worker(treadle.WorkerOptions{Quiet: true})
	treadle.Handle(w.Worker, "count", c.handle)
	w.start(t)
	p.enqueueNumbers("count", numbers(0, tasks))
	testserver.Until(t, "some ran", func() bool { return len(c.sorted()) > 100 })
	server.Kill()
	server.Restart()
	testserver.Until(t, "all are completed", func() bool { return server.Count(p.queue, "completed") == tasks })
	seen := map[int]bool{}
	for _, n := range c.sorted() {
		seen[n] = true
	}
	if len(seen) != tasks {
		t.Errorf("%d of %d tasks ran", len(seen), tasks)
	}
}

func TestALostAnswerOfAnExchangeRunsNothingTwice(t *testing.T) {
	t.Parallel()
	for _, lost := range []int{1, 3} {
		lost := lost
		t.Run(fmt.Sprint(lost), func(t *testing.T) {
			t.Parallel()
			server := sharedServer(t)
			proxy := testserver.NewProxy(t, server)
			p, behind := aPlace(t), newPlace(t, server, proxy.URL)
			var c counted
			w := behind.worker(treadle.WorkerOptions{})
			treadle.Handle(w.Worker, "once", c.handle)
			first := p.enqueueNumbers("once", numbers(0, 20))
			proxy.Lose("/v1/exchange", lost)
			w.start(t)
			p.expectNumbers(first, numbers(0, 20))
			proxy.Lose("/v1/exchange", lost)
			second := p.enqueueNumbers("once", numbers(20, 40))
			p.expectNumbers(second, numbers(20, 40))
			if !proxy.IsLost() {
				t.Error("the answers were not lost")
			}
			if runs := c.sorted(); !reflect.DeepEqual(runs, numbers(0, 40)) {
				t.Error(runs)
			}
		})
	}
}

func TestConnectionsThatBreakAllTheTimeDelayButLoseNothing(t *testing.T) {
	t.Parallel()
	server := sharedServer(t)
	proxy := testserver.NewProxy(t, server)
	p := newPlace(t, server, proxy.URL)
	w := p.worker(treadle.WorkerOptions{Quiet: true})
	treadle.Handle(w.Worker, "echo", func(_ context.Context, n int) (int, error) { return n, nil })
	w.start(t)
	handles := p.enqueueNumbers("echo", numbers(0, 300))
	isDone := func() bool { return server.Count(p.queue, "completed") == len(handles) }
	for i := 0; i < 6; i++ {
		seen := proxy.Requests()
		proxy.Cut()
		testserver.Until(t, "there are requests", func() bool { return proxy.Requests() > seen || isDone() })
	}
	testserver.Until(t, "all are completed", isDone)
}

func TestALostLeaseCancelsItsHandlerAndItsLateResultIsDropped(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	started, causes := make(chan bool, 2), make(chan treadle.Cause, 1)
	w := p.worker(treadle.WorkerOptions{})
	treadle.Handle(w.Worker, "works", func(ctx context.Context, _ any) (string, error) {
		started <- true
		if len(causes) == 0 && len(started) == 1 {
			<-ctx.Done()
			causes <- treadle.CauseOf(ctx)
			return "late", nil
		}
		return "good", nil
	})
	w.start(t)
	handle := p.enqueue("works", nil)
	testserver.Until(t, "it runs", func() bool { return len(started) > 0 })
	if _, err := p.client.Release(p.ctx, handle.ID, ""); err != nil {
		t.Fatal(err)
	}
	var result string
	p.result(handle, &result)
	cause := waitFor(t, causes)
	w.Stop()
	w.wait(t)
	if result != "good" || cause != treadle.CauseLeaseLost {
		t.Error(result, cause)
	}
	if text := w.text(); strings.Count(text, "completed") != 1 {
		t.Error(text)
	}
}

func TestAWorkerHearsOfALostLeaseWhenItRenews(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	p.server.Policy(p.queue, map[string]any{"lease_ms": 1000})
	started, causes := make(chan bool, 2), make(chan treadle.Cause, 2)
	w := p.worker(treadle.WorkerOptions{Concurrency: 1})
	treadle.Handle(w.Worker, "works", func(ctx context.Context, _ any) (string, error) {
		started <- true
		<-ctx.Done()
		causes <- treadle.CauseOf(ctx)
		return "late", nil
	})
	w.start(t)
	handle := p.enqueue("works", nil)
	waitFor(t, started)
	if _, err := p.client.Release(p.ctx, handle.ID, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := handle.Cancel(p.ctx, ""); err != nil {
		t.Fatal(err)
	}
	if cause := waitFor(t, causes); cause != treadle.CauseLeaseLost {
		t.Error(cause)
	}
	testserver.Until(t, "the loss is logged", func() bool { return strings.Contains(w.text(), "1 lease(s) lost") })
}

func TestSavingWithALostLeaseStopsTheHandler(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	started, released, saved := make(chan bool, 2), make(chan bool), make(chan error, 1)
	isFirst := true
	w := p.worker(treadle.WorkerOptions{})
	treadle.Handle(w.Worker, "saves", func(ctx context.Context, _ any) (string, error) {
		if !isFirst {
			return "second", nil
		}
		isFirst = false
		started <- true
		<-released
		err := treadle.SaveCheckpoint(ctx, 1)
		<-ctx.Done()
		saved <- err
		return "", err
	})
	w.start(t)
	handle := p.enqueue("saves", nil)
	waitFor(t, started)
	p.client.Release(p.ctx, handle.ID, "")
	close(released)
	if err := waitFor(t, saved); !errors.Is(err, treadle.ErrLeaseLost) {
		t.Error(err)
	}
	var result string
	if p.result(handle, &result); result != "second" {
		t.Error(result)
	}
}

func TestLeasesAreRenewedWhileAHandlerWorks(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	p.server.Policy(p.queue, map[string]any{"lease_ms": 4000})
	w := p.worker(treadle.WorkerOptions{})
	treadle.Handle(w.Worker, "works", func(context.Context, any) (string, error) {
		time.Sleep(5 * time.Second)
		return "worked", nil
	})
	w.start(t)
	handle := p.enqueue("works", nil)
	p.result(handle, nil)
	if info := p.info(handle); info.Attempt != 1 || info.WorkerLosses != 0 {
		t.Errorf("%+v", info)
	}
}

func TestAPayloadAtTheLimitGoesThroughAndComesBack(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	w := p.worker(treadle.WorkerOptions{})
	treadle.Handle(w.Worker, "bytes", func(_ context.Context, data []byte) ([]byte, error) { return data, nil })
	treadle.Handle(w.Worker, "text", func(_ context.Context, text string) (string, error) { return text, nil })
	w.start(t)
	data, text := bytes.Repeat([]byte{0xff}, 1<<20), strings.Repeat("ä", 1<<19-1)
	bytesTask, textTask := p.enqueue("bytes", data), p.enqueue("text", text)
	var gotData []byte
	var gotText string
	p.result(bytesTask, &gotData)
	p.result(textTask, &gotText)
	if !bytes.Equal(gotData, data) || gotText != text {
		t.Errorf("%d and %d bytes came back", len(gotData), len(gotText))
	}
	_, err := treadle.Enqueue(p.ctx, p.client, "bytes", append(data, 0), treadle.WithQueue(p.queue))
	if !errors.Is(err, treadle.ErrInvalidArgument) {
		t.Error("one more byte was taken:", err)
	}
}

func TestAPayloadThatWasDamagedOnItsWayIsNotRun(t *testing.T) {
	t.Parallel()
	server := sharedServer(t)
	p := aPlace(t)
	proxy := testserver.NewProxy(t, server)
	proxy.Change = func(answer []byte) []byte {
		return bytes.ReplaceAll(answer, []byte(`"payload":{"word":"right"}`), []byte(`"payload":{"word":"wrong"}`))
	}
	behind := newPlace(t, server, proxy.URL)
	w := behind.worker(treadle.WorkerOptions{})
	treadle.Handle(w.Worker, "takes", func(context.Context, any) (string, error) { return "ran", nil })
	handle := p.enqueue("takes", map[string]string{"word": "right"}, treadle.WithMaxAttempts(1))
	w.start(t)
	if info := p.untilState(handle, treadle.StateDead); info.Error.Code != "payload_damaged" {
		t.Errorf("%+v", info.Error)
	}
}

func TestManyWorkersShareAQueueAndRunNothingTwice(t *testing.T) {
	t.Parallel()
	const tasks = 1500
	p := aPlace(t)
	var c counted
	for i := 0; i < 3; i++ {
		w := p.worker(treadle.WorkerOptions{Name: fmt.Sprint("sharing-", i), Quiet: true})
		treadle.Handle(w.Worker, "once", c.handle)
		w.start(t)
	}
	p.enqueueNumbers("once", numbers(0, tasks))
	testserver.Until(t, "all are completed", func() bool { return p.server.Count(p.queue, "completed") == tasks })
	if runs := c.sorted(); !reflect.DeepEqual(runs, numbers(0, tasks)) {
		t.Errorf("%d runs", len(runs))
	}
}

func TestAResultThatBreaksItsContractCostsNoOther(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	w := p.worker(treadle.WorkerOptions{})
	treadle.Handle(w.Worker, "go-number", func(_ context.Context, n int) (any, error) {
		if n == 0 {
			return "none", nil
		}
		return n, nil
	}, treadle.WithContract(treadle.Contract{OutputSchema: []byte(`{"type":"integer"}`)}))
	w.start(t)
	p.expectNumbers(p.enqueueNumbers("go-number", []int{7}), []int{7})
	handles := p.enqueueNumbers("go-number", numbers(0, 10))
	p.expectNumbers(handles[1:], numbers(1, 10))
	if info := p.untilState(handles[0], treadle.StateDead); info.Error.Code != "result_invalid" {
		t.Errorf("%+v", info.Error)
	}
	// The server has ended the task before the worker reads why.
	testserver.Until(t, "the refusal is logged", func() bool {
		return strings.Contains(w.text(), "the server cannot take the report")
	})
}

func TestAServerThatRefusesTheWorkerEndsIt(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	p.queue = "no queue has this name"
	w := p.worker(treadle.WorkerOptions{})
	treadle.Handle(w.Worker, "never", func(context.Context, any) (any, error) { return nil, nil })
	w.start(t)
	if err := w.wait(t); !errors.Is(err, treadle.ErrInvalidArgument) {
		t.Error(err)
	}
}
