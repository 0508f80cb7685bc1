package treadle_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"treadle"
	"treadle/internal/testserver"
)

// The test's program is also the worker that is signalled.

const childQueue = "TREADLE_TEST_QUEUE"

func isChild() bool { return os.Getenv(childQueue) != "" }

func runChild() int {
	w := treadle.NewWorker(treadle.WorkerOptions{Queues: []string{os.Getenv(childQueue)},
		Concurrency: 2, Lines: treadle.LinesForPeople})
	// waits until it may end, or is cancelled
	treadle.Handle(w, "waits", func(ctx context.Context, gate string) (string, error) {
		println("begun")
		for ctx.Err() == nil {
			if _, err := os.Stat(gate); err == nil {
				return "waited", nil
			}
			time.Sleep(5 * time.Millisecond)
		}
		return "", ctx.Err()
	})
	treadle.Handle(w, "deaf", func(context.Context, any) (any, error) {
		println("begun")
		select {}
	})
	return w.RunUntilSignal()
}

type child struct {
	*testing.T
	command *exec.Cmd
	log     string
}

func (p *place) child() *child {
	p.Helper()
	c := &child{T: p.T, log: filepath.Join(p.TempDir(), "log")}
	log, err := os.Create(c.log)
	if err != nil {
		p.Fatal(err)
	}
	defer log.Close()
	c.command = exec.Command(os.Args[0])
	c.command.Env = append(os.Environ(), childQueue+"="+p.queue, "TREADLE_SERVER="+p.server.URL)
	c.command.Stdout, c.command.Stderr = log, log
	if err := c.command.Start(); err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() {
		if c.command.ProcessState == nil {
			c.command.Process.Kill()
			c.command.Wait()
		}
	})
	return c
}

func (c *child) signal(number syscall.Signal, untilItSays string) {
	c.Helper()
	if err := c.command.Process.Signal(number); err != nil {
		c.Fatal(err)
	}
	testserver.Until(c, "it says "+untilItSays, func() bool { return strings.Contains(c.text(), untilItSays) })
}

// untilBegun waits until so many tasks run in the child.
func (c *child) untilBegun(tasks int) {
	c.Helper()
	testserver.Until(c, "the tasks run", func() bool { return strings.Count(c.text(), "begun\n") == tasks })
}

func (c *child) text() string {
	text, _ := os.ReadFile(c.log)
	return string(text)
}

func (c *child) expectEnd() {
	c.Helper()
	ended := make(chan error, 1)
	go func() { ended <- c.command.Wait() }()
	if err := waitFor[error](c, ended); err != nil {
		c.Fatal(err, "\n", c.text())
	}
}

func TestSigtermLetsWhatRunsFinishAndReturnsTheRestUnspent(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	gate := filepath.Join(t.TempDir(), "gate")
	c := p.child()
	running := []*treadle.TaskHandle{p.enqueue("waits", gate), p.enqueue("waits", gate)}
	c.untilBegun(2)
	more, err := treadle.EnqueueMany(p.ctx, p.client, "waits", make([]string, 20), treadle.WithQueue(p.queue))
	if err != nil {
		t.Fatal(err)
	}
	c.signal(syscall.SIGTERM, "stopping: waiting up to 25 s for 2 running tasks (")
	os.WriteFile(gate, nil, 0o600)
	c.expectEnd()
	for _, each := range running {
		if info := p.info(each); info.State != treadle.StateCompleted {
			t.Errorf("%+v", info)
		}
	}
	for _, each := range more {
		if info := p.info(each); info.State != treadle.StateReady || info.Attempt != 0 {
			t.Errorf("%+v", info)
		}
	}
	if !strings.Contains(c.text(), running[0].ID+" waits completed in ") {
		t.Error(c.text())
	}
}

func TestASecondSignalCancelsWhatRunsAndReturnsItUnspent(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	c := p.child()
	handle := p.enqueue("waits", "/no/such/gate")
	c.untilBegun(1)
	c.signal(syscall.SIGINT, "stopping: waiting")
	c.signal(syscall.SIGINT, "cancelling 1 running task (")
	c.expectEnd()
	if info := p.info(handle); info.State != treadle.StateReady || info.Attempt != 0 {
		t.Errorf("%+v", info)
	}
}

func TestADeafHandlerCannotHoldUpTheThirdSignal(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	c := p.child()
	handle := p.enqueue("deaf", nil)
	c.untilBegun(1)
	c.signal(syscall.SIGTERM, "stopping: waiting")
	c.signal(syscall.SIGTERM, "cancelling 1 running task (")
	c.signal(syscall.SIGTERM, "giving up 1 running task (")
	c.expectEnd()
	if info := p.info(handle); info.State != treadle.StateReady || info.Attempt != 0 {
		t.Errorf("%+v", info)
	}
}

func TestAWorkerThatDiesCostsAnAttemptAndAnotherContinues(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	p.server.Policy(p.queue, map[string]any{"lease_ms": 1000})
	gate := filepath.Join(t.TempDir(), "gate")
	first := p.child()
	handle := p.enqueue("waits", gate)
	first.untilBegun(1)
	first.command.Process.Kill()
	first.command.Wait()
	os.WriteFile(gate, nil, 0o600)
	p.child()
	p.result(handle, nil)
	if info := p.info(handle); info.Attempt != 2 || info.WorkerLosses != 1 {
		t.Errorf("%+v", info)
	}
}

func TestTheEndOfTheContextIsAGracefulStop(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	started, goOn := make(chan bool, 1), make(chan bool)
	w := p.worker(treadle.WorkerOptions{})
	treadle.Handle(w.Worker, "works", func(ctx context.Context, _ any) (string, error) {
		started <- true
		<-goOn
		return "worked", ctx.Err()
	})
	ctx, cancel := context.WithCancel(context.Background())
	go func() { w.ended <- w.Run(ctx) }()
	handle := p.enqueue("works", nil)
	waitFor(t, started)
	cancel()
	testserver.Until(t, "it waits", func() bool { return strings.Contains(w.text(), "stopping: waiting") })
	close(goOn)
	if err := w.wait(t); err != nil {
		t.Error(err)
	}
	if info := p.info(handle); info.State != treadle.StateCompleted {
		t.Errorf("%+v", info)
	}
}

func TestTheGraceEndsByItself(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	started, causes := make(chan bool, 1), make(chan treadle.Cause, 1)
	w := p.worker(treadle.WorkerOptions{ShutdownGrace: 100 * time.Millisecond})
	treadle.Handle(w.Worker, "works", func(ctx context.Context, _ any) (string, error) {
		started <- true
		<-ctx.Done()
		causes <- treadle.CauseOf(ctx)
		return "", ctx.Err()
	})
	w.start(t)
	handle := p.enqueue("works", nil)
	waitFor(t, started)
	w.Stop()
	if err := w.wait(t); err != nil {
		t.Error(err)
	}
	if info := p.info(handle); info.State != treadle.StateReady || info.Attempt != 0 {
		t.Errorf("%+v", info)
	}
	if cause := waitFor(t, causes); cause != treadle.CauseShutdown {
		t.Error(cause)
	}
}

func TestAWorkerStopsWhileTheServerIsAway(t *testing.T) {
	t.Parallel()
	server := testserver.Start(t)
	p := newPlace(t, server, server.URL)
	started, goOn := make(chan bool, 1), make(chan bool)
	w := p.worker(treadle.WorkerOptions{ShutdownGrace: 100 * time.Millisecond, CancelWait: 100 * time.Millisecond})
	treadle.Handle(w.Worker, "works", func(context.Context, any) (any, error) {
		started <- true
		<-goOn
		return nil, nil
	})
	w.start(t)
	p.enqueue("works", nil)
	waitFor(t, started)
	server.Kill()
	close(goOn)
	w.Stop()
	err := w.wait(t)
	if err == nil || !strings.Contains(err.Error(), "1 report(s)") {
		t.Error(err)
	}
}
