package main

import (
	"context"
	"strconv"
	"sync"

	"treadle"
)

type workOptions struct {
	Concurrency int   `json:"concurrency"`
	GraceMs     int64 `json:"grace_ms"`
	Workers     int   `json:"workers"`
}

type runningWorker struct {
	worker *treadle.Worker
	ended  chan error
}

// lines are those that the workers wrote.
type lines struct {
	mutex   sync.Mutex
	written []string
}

func (l *lines) add(line string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.written = append(l.written, line)
}

func (l *lines) all() []string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return append([]string{}, l.written...)
}

func (l *lines) reset() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.written = nil
}

func (d *driver) hello(server, queue string) (err error) {
	d.end()
	d.client, err = treadle.NewClient(treadle.Options{Servers: []string{server}})
	d.server, d.queue = server, queue
	d.runs.reset()
	d.lines.reset()
	return err
}

func (d *driver) newWorker(options treadle.WorkerOptions) *treadle.Worker {
	options.Client, options.Queues = d.client, []string{d.queue}
	w := treadle.NewWorker(options)
	d.handlers(w)
	return w
}

func (d *driver) work(options workOptions) {
	for i := 0; i == 0 || i < options.Workers; i++ {
		w := d.newWorker(treadle.WorkerOptions{Concurrency: options.Concurrency, Log: d.lines.add,
			Lines: treadle.LinesForPeople, ShutdownGrace: milliseconds(options.GraceMs)})
		running := &runningWorker{worker: w, ended: make(chan error, 1)}
		go func() { running.ended <- w.Run(context.Background()) }()
		d.workers = append(d.workers, running)
	}
}

func (d *driver) stop() (first error) {
	for _, each := range d.workers {
		each.worker.Stop()
	}
	for _, each := range d.workers {
		if err := <-each.ended; err != nil {
			first = err
		}
	}
	d.workers = nil
	return first
}

// end sends what EnqueueAsync took.
func (d *driver) end() {
	if d.client != nil {
		_ = d.client.Close()
	}
}

func (d *driver) program(server, queue, graceMs string) int {
	grace, err := strconv.ParseInt(graceMs, 10, 64)
	if err == nil {
		err = d.hello(server, queue)
	}
	if err != nil {
		panic(err)
	}
	return d.newWorker(treadle.WorkerOptions{ShutdownGrace: milliseconds(grace)}).RunUntilSignal()
}
