package station

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"

	"treadle/internal/http1"
	"treadle/internal/status"
	"treadle/internal/wire"
)

const (
	laneCount     = 2
	answerTime    = 15 * time.Second       // a healthy server answers within this, beyond the wait
	atOnce        = 100 * time.Millisecond // an answer that came sooner has not waited for news
	nothingMax    = 2                      // answers at once that bring nothing: a race, perhaps
	beforeParking = 5 * time.Millisecond   // a full worker's first reports often follow at once
	retryAfterMax = time.Minute
)

// ExchangerOptions say who asks whom for what.
type ExchangerOptions struct {
	Connection *http1.Settings
	Worker     string
	Build      string
	Queues     []string
	Types      []string
	PollWait   time.Duration
	Goodbye    time.Duration // for the server to take the last exchange
	Log        func(line string)
	Progressed func() // an answer came, or the exchanger gave up
}

// Exchanger is a worker's conversation with its server: one stream of exchanges with rising sequence.
//
// Two lanes have a connection each, of which one usually holds a parked long poll. A report goes out
// at once on the other, and the server then ends the older poll. While there is much to report, both
// are at work, and an exchange is on its way before the last one's answer is in. An exchange that was
// not answered is sent again, with its sequence, its reports and its wish, before anything newer, for
// as long as it takes: the server's answers are the same again. Any goroutine.
type Exchanger struct {
	options  ExchangerOptions
	attempts *Attempts
	writer   *wire.ExchangeWriter
	conns    [laneCount]*http1.Conn
	lanes    sync.WaitGroup
	wake     chan struct{}

	mutex       sync.Mutex // may be held while attempts are called, never the other way round
	sequence    uint64     // of the newest exchange
	inFlight    []*exchange
	unanswered  []*exchange // by sequence
	retryAt     time.Time
	renewAt     time.Time
	quietSince  time.Time // the last answer
	lostSince   time.Time // no answer since; zero: the server answers
	lostCode    string    // what was logged about that
	saidNothing int       // answers at once, one after the other
	backoff     status.Backoff
	failure     error
	ended       []endedReport
	isDraining  bool
	isStopped   bool
	hasLeft     bool
}

type exchange struct {
	wire.Exchange
	isRepeated bool
	parks      bool // it may stay at the server, and a newer one may go beside it
	askedAt    time.Time
}

type endedReport struct {
	report *wire.Report
	answer *wire.ReportAnswer
}

// NewExchanger returns an exchanger that does not ask yet.
func NewExchanger(options ExchangerOptions, attempts *Attempts) *Exchanger {
	e := &Exchanger{options: options, attempts: attempts, wake: make(chan struct{}, laneCount)}
	e.writer = wire.NewExchangeWriter(options.Worker, newIncarnation(), options.Build,
		options.Queues, options.Types)
	for i := range e.conns {
		e.conns[i] = http1.NewConn(options.Connection)
	}
	return e
}

func newIncarnation() string {
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		panic(err) // no system that this runs on is without it
	}
	random[7] |= 1 // all zero is none
	return hex.EncodeToString(random[:])
}

// Start begins to ask for tasks.
func (e *Exchanger) Start() {
	for _, conn := range e.conns {
		e.lanes.Add(1)
		go e.runLane(conn)
	}
}

// Changed says that there are reports, or that a task is gone.
func (e *Exchanger) Changed() {
	e.mutex.Lock()
	isDraining := e.isDraining
	e.mutex.Unlock()
	e.wakeOne()
	if isDraining {
		e.options.Progressed()
	}
}

func (e *Exchanger) wakeOne() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

func (e *Exchanger) wakeAll() {
	for range e.conns {
		e.wakeOne()
	}
}

// Drain asks for no more tasks. Reports and renewals continue. The attempts must be draining.
func (e *Exchanger) Drain() {
	e.mutex.Lock()
	e.isDraining = true
	e.mutex.Unlock()
	e.wakeAll()
}

// IsIdle reports whether nothing runs, all reports are answered, and no lease is on its way.
func (e *Exchanger) IsIdle() bool {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.attempts.IsBusy() {
		return false
	}
	for _, each := range e.inFlight {
		if len(each.Reports) > 0 || each.Want > 0 && e.lostSince.IsZero() {
			return false
		}
	}
	for _, each := range e.unanswered {
		if len(each.Reports) > 0 {
			return false
		}
	}
	return true
}

// Failure returns why the exchanger gave up: the server refuses this worker for good. nil while it
// continues.
func (e *Exchanger) Failure() error {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return e.failure
}

// Stop ends the calls under way and says goodbye, with what is still to be reported: the server then
// releases whatever this worker holds. reason says why this worker cannot run its tasks, if so. Stop
// returns how many reports did not arrive.
func (e *Exchanger) Stop(reason string) int {
	e.mutex.Lock()
	e.isStopped = true
	e.mutex.Unlock()
	e.wakeAll()
	for _, conn := range e.conns {
		conn.Abort()
	}
	e.lanes.Wait()
	return e.sayGoodbye(reason)
}

// Without a goodbye the server would wait for what is held until its leases end, and count this
// worker as lost.
func (e *Exchanger) sayGoodbye(reason string) int {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.hasLeft {
		return 0
	}
	e.hasLeft = true
	reports := e.takeUnreported()
	hasNews := e.sequence > 0 || reason != ""
	if !hasNews || !e.lostSince.IsZero() || e.failure != nil {
		return len(reports)
	}
	unreported := 0
	if len(reports) > wire.ItemsMax {
		unreported = len(reports) - wire.ItemsMax
		reports = reports[:wire.ItemsMax]
	}
	e.sequence++
	last := &exchange{Exchange: wire.Exchange{Sequence: e.sequence, Answered: e.sequence - 1,
		Reports: reports, Goodbye: true, Reason: reason}}
	conn := http1.NewConn(e.options.Connection)
	defer conn.Close()
	answer, err := e.ask(conn, last, e.options.Goodbye)
	if err != nil {
		return unreported + len(reports)
	}
	for i := range answer.Reports {
		if status.MayWorkLater(answer.Reports[i].Code) {
			unreported++
		}
	}
	return unreported
}

func (e *Exchanger) takeUnreported() []*wire.Report {
	var reports []*wire.Report
	for _, each := range e.unanswered {
		reports = append(reports, each.Reports...)
	}
	e.unanswered = nil
	for more := e.attempts.TakeReports(); more != nil; more = e.attempts.TakeReports() {
		reports = append(reports, more...)
	}
	return reports
}

func (e *Exchanger) runLane(conn *http1.Conn) {
	defer e.lanes.Done()
	defer conn.Close()
	for {
		next := e.next()
		if next == nil {
			return
		}
		answer, err := e.ask(conn, next, time.Duration(next.WaitMs)*time.Millisecond+answerTime)
		e.settle(next, answer, err)
	}
}

func (e *Exchanger) ask(conn *http1.Conn, asked *exchange, limit time.Duration) (*wire.ExchangeAnswer, error) {
	body := e.writer.Append(make([]byte, 0, 512+128*len(asked.Reports)), &asked.Exchange)
	answer, err := conn.Call(context.Background(), http1.Request{
		Method: "POST", Target: "/v1/exchange", Body: body, Repeatable: true,
	}, time.Now().Add(limit))
	if err != nil {
		return nil, err
	}
	read, err := wire.ParseExchangeAnswer(answer.Body, asked.Reports)
	if err != nil {
		return nil, status.New(status.Internal,
			conn.URL()+" does not answer like a Treadle server: "+err.Error())
	}
	return read, nil
}
