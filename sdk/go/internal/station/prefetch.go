package station

import "time"

const (
	prefetchTime = 20 * time.Millisecond  // of work that may wait here
	waitMax      = 200 * time.Millisecond // then it goes back
	learnFrom    = 20                     // attempts
)

// prefetch says how many tasks to fetch beyond the slots: while tasks are short, the next ones wait
// here while the reports of the last ones are on their way. It is guarded by the mutex of Attempts.
type prefetch struct {
	IsOff      bool
	average    time.Duration
	attempts   int
	isWatching bool
}

func (p *prefetch) learn(took time.Duration) {
	if p.attempts < learnFrom {
		p.attempts++
	}
	p.average += (took - p.average) / time.Duration(p.attempts)
}

func (p *prefetch) forget() { p.attempts, p.average = 0, 0 }

// extra returns how many tasks may wait beside those that run.
func (p *prefetch) extra(slots int) int {
	if p.IsOff || p.attempts < learnFrom || p.average >= prefetchTime {
		return 0
	}
	average := p.average
	if average < time.Microsecond {
		average = time.Microsecond
	}
	extra := slots * int(prefetchTime/average)
	if most := 10 * slots; extra > most {
		extra = most
	}
	return extra
}

// watch has later call later, once, if that is not arranged already.
func (p *prefetch) watch(later func()) {
	if !p.isWatching {
		p.isWatching = true
		time.AfterFunc(waitMax, later)
	}
}
