package station

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"treadle/internal/status"
	"treadle/internal/wire"
)

const deliverTime = 5 * time.Second // for the last reports, once nothing runs any more

// Options are those of a station.
type Options struct {
	Exchanger     ExchangerOptions
	Concurrency   int
	NoPrefetch    bool
	ShutdownGrace time.Duration
	CancelWait    time.Duration
	TimeoutOf     func(taskType string) time.Duration
	Run           func(*Attempt) *wire.Report
}

// Station works for one pool until it is stopped.
type Station struct {
	options   Options
	attempts  *Attempts
	exchanger *Exchanger
	wake      chan struct{}

	mutex      sync.Mutex
	stops      int
	stopReason string
}

// New returns a station that does not work yet.
func New(options Options) *Station {
	s := &Station{options: options, wake: make(chan struct{}, 1)}
	s.attempts = &Attempts{
		Run: options.Run, TimeoutOf: options.TimeoutOf, CancelWait: options.CancelWait,
		Slots: options.Concurrency, Changed: func() { s.exchanger.Changed() },
		prefetch: prefetch{IsOff: options.NoPrefetch},
	}
	options.Exchanger.Progressed = s.signal
	s.exchanger = NewExchanger(options.Exchanger, s.attempts)
	return s
}

// Run works until StopTimes, StopBecause or a refusal of the server.
func (s *Station) Run() error {
	s.exchanger.Start()
	for !s.mustStop() {
		<-s.wake
	}
	s.windDown()
	failure := s.exchanger.Failure()
	unreported := s.exchanger.Stop(s.reason())
	switch {
	case failure != nil:
		return failure
	case s.reason() != "":
		return status.New(status.FailedPrecondition, s.reason())
	case unreported > 0:
		return status.New(status.Unavailable, fmt.Sprintf("stopped without having delivered %d "+
			"report(s); those tasks will run again", unreported))
	}
	return nil
}

// StopTimes raises how often the station was asked to stop: 1 lets what runs finish within the grace,
// 2 cancels it, 3 does not wait for it.
func (s *Station) StopTimes(times int) {
	s.mutex.Lock()
	if s.stops < times {
		s.stops = times
	}
	s.mutex.Unlock()
	s.signal()
}

// StopBecause stops the station: it cannot run its tasks.
func (s *Station) StopBecause(reason string) {
	s.mutex.Lock()
	if s.stopReason == "" {
		s.stopReason = reason
	}
	s.mutex.Unlock()
	s.signal()
}

func (s *Station) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Station) reason() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.stopReason
}

func (s *Station) isStopped(times int) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.stops >= times
}

func (s *Station) mustStop() bool {
	return s.isStopped(1) || s.reason() != "" || s.exchanger.Failure() != nil
}

func (s *Station) windDown() {
	log := s.options.Exchanger.Log
	s.attempts.Drain()
	s.exchanger.Drain()
	if s.exchanger.Failure() == nil {
		s.sayWhatIsWaitedFor()
		if s.waitIdle(s.options.ShutdownGrace, 2) {
			return
		}
	}
	if running := s.attempts.RunningTasks(); len(running) > 0 {
		log(fmt.Sprintf("cancelling %s, which may take up to %s to end", listed(running),
			inSeconds(s.options.CancelWait)))
	}
	s.attempts.CancelRunning()
	if s.exchanger.Failure() != nil || s.waitIdle(s.options.CancelWait, 3) {
		return
	}
	if running := s.attempts.RunningTasks(); len(running) > 0 {
		log("giving up " + listed(running) + "; the server will have it run again")
	}
	s.attempts.ReleaseRunning()
	s.waitIdle(deliverTime, 4)
}

func (s *Station) sayWhatIsWaitedFor() {
	running := s.attempts.RunningTasks()
	if len(running) == 0 {
		return
	}
	stopping := "stopping"
	if reason := s.reason(); reason != "" {
		stopping += " (" + reason + ")"
	}
	them := "them"
	if len(running) == 1 {
		them = "it"
	}
	s.options.Exchanger.Log(fmt.Sprintf("%s: waiting up to %s for %s; a second signal cancels %s",
		stopping, inSeconds(s.options.ShutdownGrace), listed(running), them))
}

func (s *Station) waitIdle(limit time.Duration, stops int) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for !s.exchanger.IsIdle() {
		if s.isStopped(stops) || s.exchanger.Failure() != nil {
			return false
		}
		select {
		case <-s.wake:
		case <-timer.C:
			return s.exchanger.IsIdle()
		}
	}
	return true
}

func inSeconds(d time.Duration) string {
	if ms := d.Milliseconds(); ms%1000 != 0 {
		return fmt.Sprintf("%d ms", ms)
	}
	return fmt.Sprintf("%d s", d.Milliseconds()/1000)
}

// listed returns "1 running task (1-5)" or "7 running tasks (1-5, 1-6, 1-7, 1-8, 1-9 and 2 more)".
func listed(tasks []string) string {
	const named = 5
	text := fmt.Sprintf("%d running tasks (", len(tasks))
	if len(tasks) == 1 {
		text = "1 running task ("
	}
	if len(tasks) <= named {
		return text + strings.Join(tasks, ", ") + ")"
	}
	return fmt.Sprintf("%s%s and %d more)", text, strings.Join(tasks[:named], ", "), len(tasks)-named)
}
