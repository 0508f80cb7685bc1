package treadle

import (
	"time"

	"treadle/internal/status"
	"treadle/internal/wire"
)

// WorkerOptions are those of a Worker. The zero value is right for most programs.
type WorkerOptions struct {
	// Client says where the server is; handlers get it from ClientOf. nil: NewClient(Options{}).
	Client *Client
	// Name shows in task views. Empty: HOST-PID.
	Name string
	// Build is what the program runs, for histories: a version, or a commit.
	Build string
	// Queues are those of the pool without a name. None: "default".
	Queues []string
	// Concurrency is how many tasks of the pool without a name run at the same time, 1 to 1,000. 0: 10.
	Concurrency int
	// NoPrefetch has the worker fetch no task before a slot is free. Otherwise, while tasks are short,
	// it fetches at most 20 ms of work early, and returns what does not get its turn.
	NoPrefetch bool
	// ShutdownGrace is how long running tasks may take to finish once the worker stops. 0: 25 s.
	ShutdownGrace time.Duration
	// CancelWait is how long canceled handlers may take to return. 0: 7 s.
	CancelWait time.Duration
	// Log gets each line instead of standard error, without a line end. Several goroutines call it.
	// If it panics, the line goes to standard error.
	Log func(line string)
	// Lines says how lines look. The default is for people on a terminal, and JSON otherwise.
	Lines LineFormat
	// Quiet has no line for each task that ends.
	Quiet bool
}

// LineFormat is how the worker's lines look.
type LineFormat int

// The formats.
const (
	LinesAuto LineFormat = iota
	LinesForPeople
	LinesAsJSON
)

// PoolOptions are those of a pool: queues with slots of their own, so that long tasks never keep
// short ones waiting.
type PoolOptions struct {
	// Name is short; it shows behind the worker's name, "host-123.slow".
	Name string
	// Queues: "default" if there are none.
	Queues []string
	// Concurrency is how many tasks run at the same time, 1 to 1,000. 0: 10.
	Concurrency int
	// NoPrefetch: as in WorkerOptions.
	NoPrefetch bool
}

const (
	concurrencyDefault   = 10
	shutdownGraceDefault = 25 * time.Second
	cancelWaitDefault    = 7 * time.Second
)

func (p PoolOptions) withDefaults() (PoolOptions, error) {
	if p.Concurrency == 0 {
		p.Concurrency = concurrencyDefault
	}
	if len(p.Queues) == 0 {
		p.Queues = []string{"default"}
	}
	if p.Concurrency < 1 || p.Concurrency > wire.ItemsMax {
		return p, status.Wrong("concurrency", "concurrency must be from 1 to 1000")
	}
	if len(p.Queues) > wire.NamesMax {
		return p, status.Wrong("queues", "a worker must name 1 to 100 queues")
	}
	return p, nil
}

// handleEntry is how a worker runs the tasks of a type.
type handleEntry struct {
	handler   Handler
	pool      string
	timeout   *time.Duration
	contracts []Contract
	// typedContracts await the types of the handler; wrong is why they cannot be made from them.
	typedContracts []Contract
	wrong          error
}

// InPool has the tasks run in a pool of AddPool. Default: the pool without a name.
func InPool(name string) HandleOption { return func(e *handleEntry) { e.pool = name } }

// WithTimeout cancels an attempt after this, or earlier if the server says so. If the handler has not
// returned WorkerOptions.CancelWait later, the attempt is reported as failed, as "timeout", without
// it. At least 1 ms.
func WithTimeout(timeout time.Duration) HandleOption {
	return func(e *handleEntry) { e.timeout = &timeout }
}

// WithContract registers a contract with the server before the worker asks for tasks. Run fails with
// ErrInvalidArgument if the server refuses it.
func WithContract(contract Contract) HandleOption {
	return func(e *handleEntry) { e.contracts = append(e.contracts, contract) }
}
