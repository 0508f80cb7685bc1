// Package station is one pool of a worker: what it holds (leases that wait or run, reports to be
// delivered) and its conversation with the server.
package station

import (
	"strings"
	"sync"
	"time"

	"treadle/internal/wire"
)

const (
	leaseTimeDefault = 30 * time.Second
	reportBytesMax   = 8 << 20 // half of what the server takes
	manyReports      = 100
	reportDelay      = time.Millisecond
)

// Attempts holds the leases of a pool and runs them. A new lease starts one goroutine, which starts
// the next if work is left: short tasks are then run by a few goroutines without a handoff for each,
// and long ones still get one each. Any goroutine.
type Attempts struct {
	// Run runs an attempt and returns its report.
	Run func(*Attempt) *wire.Report
	// TimeoutOf returns how long an attempt at a type may take. 0: nothing limits it.
	TimeoutOf func(taskType string) time.Duration
	// Changed is called without a lock held when reports are ready or a task is gone.
	Changed func()
	// CancelWait is how long a handler may take to return after its time is up.
	CancelWait time.Duration
	// Slots is how many run at the same time.
	Slots int

	mutex         sync.Mutex
	waiting       []waiting
	running       map[string]*Attempt
	reports       []*wire.Report
	oldestReport  time.Time
	active        int // goroutines, one that is about to begin included
	isStarting    bool
	shortestLease time.Duration
	prefetch      prefetch
	isDraining    bool
}

type waiting struct {
	lease     *wire.Lease
	since     time.Time
	revokedAt time.Time // by the server; zero: never
}

// Put takes leases that came. After a repeated exchange some may be here already.
func (a *Attempts) Put(leases []*wire.Lease, isRepeated bool) {
	stopAll(a.put(leases, isRepeated), LeaseLost)
}

// put returns attempts whose tasks came back: their leases are lost, whatever the server says later.
func (a *Attempts) put(leases []*wire.Lease, isRepeated bool) (lost []*Attempt) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	now := time.Now()
	for _, lease := range leases {
		if isRepeated && a.isHeld(lease.Token) {
			continue
		}
		if lease.LeaseTime > 0 && (a.shortestLease == 0 || lease.LeaseTime < a.shortestLease) {
			a.shortestLease = lease.LeaseTime
		}
		if earlier := a.earlierOf(lease); earlier != nil {
			earlier.isDropped = true
			lost = append(lost, earlier)
		}
		if a.isDraining {
			a.addReport(released(lease.Token))
			continue
		}
		wait := waiting{lease: lease, since: now}
		if lease.Timeout > 0 {
			wait.revokedAt = now.Add(lease.Timeout)
		}
		a.waiting = append(a.waiting, wait)
	}
	a.startAnother()
	if len(a.waiting)+len(a.running) > a.Slots {
		a.prefetch.watch(a.returnWhatWaitsLong)
	}
	return lost
}

// earlierOf returns the running attempt at the same task.
func (a *Attempts) earlierOf(lease *wire.Lease) *Attempt {
	if strings.HasPrefix(lease.Token, lease.ID+".1.") {
		return nil // it is the first lease of the task
	}
	for _, attempt := range a.running {
		if attempt.Lease.ID == lease.ID && !attempt.isDropped {
			return attempt
		}
	}
	return nil
}

func released(token string) *wire.Report {
	return wire.NewReport(token, wire.Ending{Outcome: wire.Released})
}

func (a *Attempts) isHeld(token string) bool {
	if _, runs := a.running[token]; runs {
		return true
	}
	for _, each := range a.waiting {
		if each.lease.Token == token {
			return true
		}
	}
	for _, each := range a.reports {
		if each.Token == token {
			return true
		}
	}
	return false
}

func (a *Attempts) startAnother() {
	if len(a.waiting) == 0 || a.isStarting || a.active >= a.Slots {
		return
	}
	a.isStarting = true
	a.active++
	go a.loop()
}

func (a *Attempts) loop() {
	var attempt *Attempt
	defer func() {
		if attempt != nil { // its handler ended this goroutine
			a.finish(attempt, wire.NewReport(attempt.Lease.Token, wire.Ending{Outcome: wire.Failed,
				Code: "panic", Message: "the handler ended its goroutine"}))
			a.leave()
		}
	}()
	a.began()
	for {
		if attempt = a.take(); attempt == nil {
			return
		}
		report := a.Run(attempt)
		a.finish(attempt, report)
	}
}

func (a *Attempts) began() {
	a.mutex.Lock()
	a.isStarting = false
	a.mutex.Unlock()
}

func (a *Attempts) leave() {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.active--
	a.startAnother()
}

// take returns the next attempt; nil: nothing waits, and this goroutine is not active any more.
func (a *Attempts) take() *Attempt {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if len(a.waiting) == 0 {
		a.active--
		return nil
	}
	next := a.waiting[0]
	a.waiting[0] = waiting{}
	a.waiting = a.waiting[1:]
	attempt := newAttempt(a, next)
	if a.running == nil {
		a.running = make(map[string]*Attempt, a.Slots)
	}
	a.running[next.lease.Token] = attempt
	a.startAnother()
	return attempt
}

func (a *Attempts) finish(attempt *Attempt, report *wire.Report) {
	took := time.Since(attempt.Begun)
	attempt.end()
	a.mutex.Lock()
	a.prefetch.learn(took)
	delete(a.running, attempt.Lease.Token)
	isFirst := len(a.reports) == 0
	if !attempt.isDropped {
		a.addReport(report)
	}
	isNews := isFirst || len(a.reports) == manyReports || len(a.waiting) == 0 || a.isDraining
	a.mutex.Unlock()
	if isNews {
		a.Changed()
	}
}

func (a *Attempts) addReport(report *wire.Report) {
	if len(a.reports) == 0 {
		a.oldestReport = time.Now()
	}
	a.reports = append(a.reports, report)
}

// giveUp reports an attempt whose time is up and whose handler did not return.
func (a *Attempts) giveUp(attempt *Attempt) {
	a.mutex.Lock()
	if _, runs := a.running[attempt.Lease.Token]; !runs || attempt.isDropped {
		a.mutex.Unlock()
		return
	}
	attempt.isDropped = true
	a.addReport(wire.NewReport(attempt.Lease.Token, wire.Ending{Outcome: wire.Failed, Code: "timeout",
		Message: "the attempt took too long, and its handler did not return"}))
	a.mutex.Unlock()
	a.Changed()
}

// returnWhatWaitsLong gives back what was fetched early and does not get its turn.
func (a *Attempts) returnWhatWaitsLong() {
	a.mutex.Lock()
	before := time.Now().Add(-waitMax)
	kept := a.waiting[:0]
	isNews := false
	for _, each := range a.waiting {
		if each.since.After(before) {
			kept = append(kept, each)
			continue
		}
		a.addReport(released(each.lease.Token))
		isNews = true
	}
	for i := len(kept); i < len(a.waiting); i++ {
		a.waiting[i] = waiting{}
	}
	a.waiting = kept
	a.prefetch.isWatching = false
	if isNews {
		a.prefetch.forget()
	}
	if len(a.waiting) > 0 {
		a.prefetch.watch(a.returnWhatWaitsLong)
	}
	a.mutex.Unlock()
	if isNews {
		a.Changed()
	}
}
