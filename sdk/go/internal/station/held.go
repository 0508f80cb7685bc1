package station

import (
	"strings"
	"time"

	"treadle/internal/wire"
)

// Lose stops the handlers of leases that are lost, and drops what they still bring. It returns how
// many of the leases were here.
func (a *Attempts) Lose(tokens []string) int {
	named := setOf(tokens)
	var toStop []*Attempt
	a.mutex.Lock()
	lost := a.dropWaiting(named, false)
	for token := range named {
		if attempt := a.running[token]; attempt != nil && !attempt.isDropped {
			attempt.isDropped = true
			toStop = append(toStop, attempt)
		}
	}
	a.mutex.Unlock()
	stopAll(toStop, LeaseLost)
	return lost + len(toStop)
}

// Cancel stops the handlers of tasks that are to be cancelled, and returns what has not begun.
func (a *Attempts) Cancel(tokens []string) {
	named := setOf(tokens)
	var toStop []*Attempt
	a.mutex.Lock()
	a.dropWaiting(named, true)
	for token := range named {
		if attempt := a.running[token]; attempt != nil {
			toStop = append(toStop, attempt)
		}
	}
	a.mutex.Unlock()
	stopAll(toStop, Requested)
}

func setOf(tokens []string) map[string]bool {
	set := make(map[string]bool, len(tokens))
	for _, token := range tokens {
		set[token] = true
	}
	return set
}

func (a *Attempts) dropWaiting(named map[string]bool, areReported bool) int {
	kept := make([]waiting, 0, len(a.waiting))
	for _, each := range a.waiting {
		if !named[each.lease.Token] {
			kept = append(kept, each)
		} else if areReported {
			a.addReport(released(each.lease.Token))
		}
	}
	dropped := len(a.waiting) - len(kept)
	a.waiting = kept
	return dropped
}

func stopAll(attempts []*Attempt, cause Cause) {
	for _, attempt := range attempts {
		attempt.stop(cause)
	}
}

// Free returns how many tasks to ask for.
func (a *Attempts) Free() int {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	free := a.Slots - len(a.waiting) - len(a.running)
	extra := a.prefetch.extra(a.Slots)
	// A few at a time would make many exchanges; half of them at once, when the other half is done.
	if extra > 0 && free+extra >= extra/2 {
		free += extra
	}
	if a.isDraining || free < 0 {
		return 0
	}
	return free
}

// Held returns how many leases are here.
func (a *Attempts) Held() int {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return len(a.waiting) + len(a.running)
}

// HeldTokens returns what is to be renewed.
func (a *Attempts) HeldTokens() []string {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	tokens := make([]string, 0, len(a.waiting)+len(a.running))
	for token, attempt := range a.running {
		if !attempt.isDropped {
			tokens = append(tokens, token)
		}
	}
	for _, each := range a.waiting {
		tokens = append(tokens, each.lease.Token)
	}
	return tokens
}

// RunningTasks returns the IDs of the tasks whose reports are still to come.
func (a *Attempts) RunningTasks() []string {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	var tasks []string
	for token, attempt := range a.running {
		if !attempt.isDropped {
			id, _, _ := strings.Cut(token, ".")
			tasks = append(tasks, id)
		}
	}
	return tasks
}

// RenewEvery returns a third of the shortest lease that came.
func (a *Attempts) RenewEvery() time.Duration {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.shortestLease == 0 {
		return leaseTimeDefault / 3
	}
	return a.shortestLease / 3
}

// ReportsDueAt returns when the reports that are ready should go. Zero: there are none.
func (a *Attempts) ReportsDueAt() time.Time {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if len(a.reports) == 0 {
		return time.Time{}
	}
	if len(a.waiting) == 0 || len(a.reports) >= manyReports {
		return a.oldestReport
	}
	return a.oldestReport.Add(reportDelay)
}

// HasManyReports reports whether an exchange beside a busy one is worth it.
func (a *Attempts) HasManyReports() bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return len(a.reports) >= manyReports
}

// TakeReports returns as many reports as one exchange carries.
func (a *Attempts) TakeReports() []*wire.Report {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	count, bytes := 0, 0
	for count < len(a.reports) && count < wire.ItemsMax && bytes < reportBytesMax {
		if count > 0 && (a.reports[count-1].GoesAlone || a.reports[count].GoesAlone) {
			break
		}
		bytes += len(a.reports[count].JSON)
		count++
	}
	if count == 0 {
		return nil
	}
	taken := a.reports[:count:count]
	a.reports = a.reports[count:]
	if len(a.reports) == 0 {
		a.reports = nil
	}
	return taken
}

// PutBack takes reports that were not delivered. They go first.
func (a *Attempts) PutBack(reports []*wire.Report) {
	if len(reports) == 0 {
		return
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if len(a.reports) == 0 {
		a.oldestReport = time.Now()
	}
	a.reports = append(append([]*wire.Report{}, reports...), a.reports...)
}

// Drain returns what has not begun and what still comes. What runs continues.
func (a *Attempts) Drain() {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.isDraining = true
	for _, each := range a.waiting {
		a.addReport(released(each.lease.Token))
	}
	a.waiting = nil
}

// CancelRunning asks all that runs to stop.
func (a *Attempts) CancelRunning() {
	a.mutex.Lock()
	toStop := make([]*Attempt, 0, len(a.running))
	for _, attempt := range a.running {
		toStop = append(toStop, attempt)
	}
	a.mutex.Unlock()
	stopAll(toStop, Shutdown)
}

// ReleaseRunning returns the leases of all that still runs. What it brings is dropped.
func (a *Attempts) ReleaseRunning() {
	a.mutex.Lock()
	for token, attempt := range a.running {
		if !attempt.isDropped {
			attempt.isDropped = true
			a.addReport(released(token))
		}
	}
	a.mutex.Unlock()
	a.Changed()
}

// IsBusy reports whether something waits, runs, or has a report that nobody took.
func (a *Attempts) IsBusy() bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for _, attempt := range a.running {
		if !attempt.isDropped {
			return true
		}
	}
	return len(a.waiting) > 0 || len(a.reports) > 0
}
