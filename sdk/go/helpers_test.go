package treadle_test

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"treadle"
	"treadle/internal/testserver"
)

// place is one queue of a server, for one test.
type place struct {
	*testing.T
	server *testserver.Server
	client *treadle.Client
	queue  string
	ctx    context.Context
}

func newPlace(t *testing.T, server *testserver.Server, url string) *place {
	t.Helper()
	client, err := treadle.NewClient(treadle.Options{Servers: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), testserver.Patience)
	t.Cleanup(func() {
		client.Close()
		cancel()
	})
	return &place{T: t, server: server, client: client, queue: testserver.QueueOf(t), ctx: ctx}
}

// aPlace is at a server that all tests share.
func aPlace(t *testing.T) *place {
	t.Helper()
	server := sharedServer(t)
	return newPlace(t, server, server.URL)
}

var shared struct {
	once   sync.Once
	server *testserver.Server
	ended  func()
}

func sharedServer(t *testing.T) *testserver.Server {
	t.Helper()
	shared.once.Do(func() {
		holder := &endsWithAll{TB: t}
		defer func() { shared.ended = holder.end }()
		shared.server = testserver.Start(holder)
	})
	if shared.server == nil {
		t.Skip("set TREADLE to the server's program")
	}
	return shared.server.For(t)
}

// endsWithAll keeps what a test cleans up until all tests have ended.
type endsWithAll struct {
	testing.TB
	later []func()
	place string
}

func (e *endsWithAll) Cleanup(f func()) { e.later = append(e.later, f) }

func (e *endsWithAll) TempDir() string {
	e.place, _ = os.MkdirTemp("", "treadle-go")
	return e.place
}

func (e *endsWithAll) end() {
	for _, each := range e.later {
		each()
	}
	os.RemoveAll(e.place)
}

func TestMain(m *testing.M) {
	if isChild() {
		os.Exit(runChild())
	}
	status := m.Run()
	if shared.ended != nil {
		shared.ended()
	}
	os.Exit(status)
}

func (p *place) enqueue(taskType string, payload any, options ...treadle.Option) *treadle.TaskHandle {
	p.Helper()
	options = append([]treadle.Option{treadle.WithQueue(p.queue)}, options...)
	handle, err := treadle.Enqueue(p.ctx, p.client, taskType, payload, options...)
	if err != nil {
		p.Fatal(err)
	}
	return handle
}

func (p *place) result(handle *treadle.TaskHandle, into any) {
	p.Helper()
	if err := handle.Result(p.ctx, into); err != nil {
		p.Fatal(err)
	}
}

func (p *place) info(handle *treadle.TaskHandle) *treadle.TaskInfo {
	p.Helper()
	info, err := handle.Info(p.ctx)
	if err != nil {
		p.Fatal(err)
	}
	return info
}

func (p *place) untilState(handle *treadle.TaskHandle, state treadle.State) *treadle.TaskInfo {
	p.Helper()
	var info *treadle.TaskInfo
	testserver.Until(p, handle.ID+" is "+string(state), func() bool {
		info = p.info(handle)
		return info.State == state
	})
	return info
}

// worker is one that runs in this process. Its lines are for people.
type worker struct {
	*treadle.Worker
	mutex sync.Mutex
	lines []string
	ended chan error
}

func (p *place) worker(options treadle.WorkerOptions) *worker {
	made := &worker{ended: make(chan error, 1)}
	if options.Client == nil {
		options.Client = p.client
	}
	options.Queues = []string{p.queue}
	options.Log = func(line string) {
		made.mutex.Lock()
		defer made.mutex.Unlock()
		made.lines = append(made.lines, line)
	}
	made.Worker = treadle.NewWorker(options)
	return made
}

func (w *worker) text() string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return strings.Join(w.lines, "\n")
}

// start runs the worker until the test ends.
func (w *worker) start(t *testing.T) *worker {
	go func() { w.ended <- w.Run(context.Background()) }()
	t.Cleanup(func() {
		for i := 0; i < 3; i++ {
			w.Stop()
		}
		w.wait(t)
	})
	return w
}

// wait returns what Run returned.
func (w *worker) wait(t testing.TB) error {
	t.Helper()
	select {
	case err := <-w.ended:
		w.ended <- err
		return err
	case <-time.After(testserver.Patience):
		t.Fatal("the worker did not end\n", w.text())
		return nil
	}
}

func waitFor[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(testserver.Patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}
