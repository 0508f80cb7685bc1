package station

import (
	"time"

	"treadle/internal/wire"
)

const never = time.Hour

// next waits until an exchange is due. nil: the exchanger has stopped.
func (e *Exchanger) next() *exchange {
	timer := time.NewTimer(never)
	defer timer.Stop()
	for {
		e.mutex.Lock()
		if e.isStopped {
			e.mutex.Unlock()
			return nil
		}
		now := time.Now()
		due, wakeAt := e.nextAt(now)
		if due != nil {
			due.askedAt = now
			due.parks = len(due.Reports) == 0 && !due.isRepeated
			e.inFlight = append(e.inFlight, due)
			e.mutex.Unlock()
			return due
		}
		e.mutex.Unlock()
		if !timer.Stop() {
			select {
			case <-timer.C:
			default:
			}
		}
		timer.Reset(wakeAt.Sub(now))
		select {
		case <-e.wake:
		case <-timer.C:
		}
	}
}

// nextAt returns what is due now, or when to look again.
func (e *Exchanger) nextAt(now time.Time) (*exchange, time.Time) {
	later := now.Add(never)
	if now.Before(e.retryAt) {
		return nil, e.retryAt
	}
	if len(e.inFlight) == laneCount {
		return nil, later
	}
	if len(e.unanswered) > 0 {
		return e.takeUnanswered(now), later
	}
	// An old one may take long to end.
	if e.sequence-e.answeredBefore(e.sequence+1) >= wire.InFlightMax {
		return nil, later
	}
	if len(e.inFlight) > 0 && !e.inFlight[0].parks {
		return e.nextBesideBusy(now), later
	}
	want := e.attempts.Free()
	due := e.newIsDueAt(now, want)
	if !due.After(now) {
		return e.makeNew(now, want), later
	}
	return nil, earlier(due, later)
}

// nextBesideBusy goes beside one that brings reports or takes tasks: only with much to say, or all
// would be cut in two.
func (e *Exchanger) nextBesideBusy(now time.Time) *exchange {
	if !e.attempts.HasManyReports() {
		return nil
	}
	want := e.attempts.Free() - e.inFlight[0].Want
	if want < 0 {
		want = 0
	}
	return e.makeNew(now, want)
}

func (e *Exchanger) newIsDueAt(now time.Time, want int) time.Time {
	later := now.Add(never)
	reportsAt, renewAt := e.attempts.ReportsDueAt(), later
	if e.attempts.Held() > 0 {
		renewAt = e.renewAt
	}
	hasReports := !reportsAt.IsZero()
	if !hasReports {
		reportsAt = later
	}
	if len(e.inFlight) > 0 {
		parked := e.inFlight[0].Want
		if want > parked || e.isDraining && parked > 0 {
			return now
		}
		return earlier(reportsAt, renewAt)
	}
	if hasReports {
		return earlier(reportsAt, renewAt)
	}
	if want > 0 {
		return now
	}
	return earlier(renewAt, e.quietSince.Add(beforeParking))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (e *Exchanger) makeNew(now time.Time, want int) *exchange {
	e.sequence++
	made := &exchange{Exchange: wire.Exchange{
		Sequence: e.sequence,
		Answered: e.answeredBefore(e.sequence),
		WaitMs:   e.options.PollWait.Milliseconds(),
		Want:     want,
	}}
	promised := e.attempts.Held()
	for _, other := range e.inFlight {
		promised += other.Want
	}
	if most := wire.ItemsMax - promised; want > most {
		made.Want = most
		if most < 0 {
			made.Want = 0
		}
	}
	made.Reports = e.attempts.TakeReports()
	if !now.Before(e.renewAt) {
		e.renew(now, made)
	}
	return made
}

func (e *Exchanger) takeUnanswered(now time.Time) *exchange {
	first := e.unanswered[0]
	e.unanswered = e.unanswered[1:]
	first.isRepeated = true
	first.WaitMs = 0
	first.Answered = e.answeredBefore(first.Sequence)
	e.renew(now, first)
	return first
}

func (e *Exchanger) renew(now time.Time, asked *exchange) {
	asked.Renew = e.attempts.HeldTokens()
	if len(asked.Renew) > wire.ItemsMax {
		asked.Renew = asked.Renew[:wire.ItemsMax]
	}
	e.renewAt = now.Add(e.attempts.RenewEvery())
}

func (e *Exchanger) answeredBefore(sequence uint64) uint64 {
	for _, other := range e.inFlight {
		if other.Sequence < sequence {
			sequence = other.Sequence
		}
	}
	for _, other := range e.unanswered {
		if other.Sequence < sequence {
			sequence = other.Sequence
		}
	}
	return sequence - 1
}
