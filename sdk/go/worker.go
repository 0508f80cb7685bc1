package treadle

import (
	"context"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"treadle/internal/station"
	"treadle/internal/status"
	"treadle/internal/wire"
)

const (
	pollWait    = 30 * time.Second
	goodbyeTime = 2 * time.Second // for the server to take the last exchange
	flushTime   = 5 * time.Second // and for what handlers enqueued without waiting
)

// Worker leases tasks of some types from a server, runs their handlers, and reports back.
//
// A server that is away, restarted or killed ends nothing: what runs continues, and its outcome is
// sent until the server has answered for it. Handle, Use, AddPool and Run are for one goroutine; Stop
// is for any.
type Worker struct {
	options    WorkerOptions
	pools      []PoolOptions
	handlers   map[string]*handleEntry
	middleware []Middleware

	mutex    sync.Mutex
	stops    int
	stopped  context.CancelFunc // ends the wait for contracts
	stations []*station.Station
}

// NewWorker returns a worker. It does not connect yet; Run returns what is wrong with the options.
func NewWorker(options WorkerOptions) *Worker {
	return &Worker{
		options:  options,
		handlers: map[string]*handleEntry{},
		pools: []PoolOptions{{Queues: options.Queues, Concurrency: options.Concurrency,
			NoPrefetch: options.NoPrefetch}},
	}
}

// HandleRaw has the worker run the tasks of a type with a handler of bytes. If the handler is nil, Run
// returns an error. Call it before Run.
func (w *Worker) HandleRaw(taskType string, handler Handler, options ...HandleOption) {
	entry := &handleEntry{handler: handler}
	for _, option := range options {
		option(entry)
	}
	w.handlers[taskType] = entry
}

// AddPool adds queues with slots of their own. Call it before Run.
func (w *Worker) AddPool(options PoolOptions) { w.pools = append(w.pools, options) }

// Use surrounds every handler; the first one used is the outermost. Call it before Run.
func (w *Worker) Use(middleware Middleware) { w.middleware = append(w.middleware, middleware) }

// Run works until ctx ends or Stop is called, and then winds down: it takes nothing new, lets what
// runs finish within the grace, cancels the rest and returns it unspent, and delivers all reports and
// all that EnqueueAsync took. Only then does it return. The end of ctx does not reach the handlers before the grace is over.
//
// The error is nil after a stop; ErrFailedPrecondition with its reason if a handler stopped the
// worker; ErrUnavailable if reports could not be delivered (those tasks run again); or what the server
// refuses this worker with. Call it once.
func (w *Worker) Run(ctx context.Context) error {
	client := w.options.Client
	if client == nil {
		var err error
		if client, err = NewClient(Options{}); err != nil {
			return err
		}
		defer client.Close()
	}
	write, asJSON := w.options.Log, w.options.Lines == LinesAsJSON
	lines := newLineWriter()
	defer lines.close()
	if write != nil {
		write = guardedLog(write, lines.write)
	} else {
		write = lines.write
		asJSON = asJSON || w.options.Lines == LinesAuto && !isTerminal(os.Stderr)
	}
	stations, err := w.makeStations(client, write, asJSON)
	if err != nil {
		return err
	}
	waiting, stopped := context.WithCancel(ctx)
	defer stopped()
	w.mutex.Lock()
	w.stopped = stopped
	isStopped := w.stops > 0
	w.mutex.Unlock()
	if isStopped {
		stopped()
	}
	if err := w.registerContracts(waiting, client); err != nil {
		return err
	}
	err = w.runAll(ctx, stations)
	client.sendWhatWaits(flushTime)
	return err
}

// Stop begins the end of Run. Called again, it ends the grace, and then the wait for canceled
// handlers.
func (w *Worker) Stop() {
	w.mutex.Lock()
	w.stops++
	stops, stations, stopped := w.stops, w.stations, w.stopped
	w.mutex.Unlock()
	if stopped != nil {
		stopped()
	}
	for _, each := range stations {
		each.StopTimes(stops)
	}
}

// stopAtLeast is Stop for the end of ctx and of a pool, which may come after a Stop.
func (w *Worker) stopAtLeast() {
	w.mutex.Lock()
	isNews := w.stops == 0
	w.mutex.Unlock()
	if isNews {
		w.Stop()
	}
}

// runAll ends with the first pool that ends: a worker that does only half of its work would not be
// noticed.
func (w *Worker) runAll(ctx context.Context, stations []*station.Station) error {
	w.mutex.Lock()
	w.stations = stations
	stops := w.stops
	w.mutex.Unlock()
	finished := make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
			w.stopAtLeast()
		case <-finished:
		}
	}()
	errs := make([]error, len(stations))
	var all sync.WaitGroup
	for i, each := range stations {
		each.StopTimes(stops)
		all.Add(1)
		go func(i int, each *station.Station) {
			defer all.Done()
			errs[i] = each.Run()
			w.stopAtLeast()
		}(i, each)
	}
	all.Wait()
	close(finished)
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *Worker) makeStations(client *Client, write func(string), asJSON bool) ([]*station.Station, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	say := sayings(write, asJSON)
	if w.options.Log != nil && !asJSON {
		say = write
	}
	var lines *taskLines
	if !w.options.Quiet {
		lines = &taskLines{write: write, asJSON: asJSON}
	}
	var stations []*station.Station
	for _, pool := range w.pools {
		pool, err := pool.withDefaults()
		if err != nil {
			return nil, err
		}
		types := w.typesOf(pool.Name)
		if len(types) == 0 {
			continue // it has nothing to do
		}
		if len(types) > wire.NamesMax {
			return nil, status.New(status.InvalidArgument, "a pool must handle 1 to 100 task types")
		}
		stations = append(stations, w.makeStation(client, pool, types, say, lines))
	}
	if len(stations) == 0 {
		return nil, status.New(status.InvalidArgument, "no handler: call Handle before Run")
	}
	return stations, nil
}

func (w *Worker) makeStation(client *Client, pool PoolOptions, types []string, say func(string), lines *taskLines) *station.Station {
	var made *station.Station
	run := w.runnerFor(client)
	run.save = station.NewSave(client.caller)
	run.log, run.lines = say, lines
	run.stop = func(reason string) { made.StopBecause(reason) }
	name := w.options.Name
	if name == "" {
		name = defaultWorkerName()
	}
	if pool.Name != "" {
		name += "." + pool.Name
	}
	made = station.New(station.Options{
		Exchanger: station.ExchangerOptions{
			Connection: client.settings, Worker: name, Build: w.options.Build,
			Queues: pool.Queues, Types: types,
			PollWait: pollWait, Goodbye: goodbyeTime,
			Log: say,
		},
		Concurrency:   pool.Concurrency,
		NoPrefetch:    pool.NoPrefetch,
		ShutdownGrace: orDefault(w.options.ShutdownGrace, shutdownGraceDefault),
		CancelWait:    orDefault(w.options.CancelWait, cancelWaitDefault),
		TimeoutOf:     w.timeoutOf,
		Run:           run.run,
	})
	return made
}

func (w *Worker) runnerFor(client *Client) *runner {
	handlers := make(map[string]Handler, len(w.handlers))
	for taskType, entry := range w.handlers {
		handlers[taskType] = withMiddleware(entry.handler, w.middleware)
	}
	return &runner{handlers: handlers, client: client}
}

func (w *Worker) timeoutOf(taskType string) time.Duration {
	if entry := w.handlers[taskType]; entry != nil && entry.timeout != nil {
		return *entry.timeout
	}
	return 0
}

func (w *Worker) typesOf(pool string) []string {
	var types []string
	for taskType, entry := range w.handlers {
		if entry.pool == pool {
			types = append(types, taskType)
		}
	}
	sort.Strings(types)
	return types
}

func (w *Worker) check() error {
	named := map[string]int{}
	for _, pool := range w.pools {
		if named[pool.Name]++; named[pool.Name] > 1 {
			return status.New(status.InvalidArgument, fmt.Sprintf("two pools have the name %q", pool.Name))
		}
	}
	for _, middleware := range w.middleware {
		if middleware == nil {
			return status.New(status.InvalidArgument, "a middleware is nil")
		}
	}
	for taskType, entry := range w.handlers {
		if entry.handler == nil {
			return status.New(status.InvalidArgument, "the handler of "+taskType+" is nil")
		}
		if named[entry.pool] == 0 {
			return status.New(status.InvalidArgument, fmt.Sprintf(
				"%s names the pool %q, which AddPool never made", taskType, entry.pool))
		}
		if entry.wrong != nil {
			return entry.wrong
		}
		if entry.timeout != nil && *entry.timeout < time.Millisecond {
			return status.New(status.InvalidArgument, "the timeout of "+taskType+" must be at least 1 ms")
		}
	}
	return nil
}

func orDefault(d, byDefault time.Duration) time.Duration {
	if d == 0 {
		return byDefault
	}
	return d
}

// defaultWorkerName returns HOST-PID, with the characters that names may have.
func defaultWorkerName() string {
	const hostMax = 100
	host, _ := os.Hostname()
	host = strings.Map(func(char rune) rune {
		switch {
		case char >= 'a' && char <= 'z', char >= 'A' && char <= 'Z', char >= '0' && char <= '9',
			char == '.', char == '_', char == '-':
			return char
		}
		return '-'
	}, host)
	host = strings.TrimLeft(host[:min(len(host), hostMax)], "._-")
	if host == "" {
		host = "worker"
	}
	return fmt.Sprintf("%s-%d", host, os.Getpid())
}
