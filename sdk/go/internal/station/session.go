package station

import (
	"errors"
	"math"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"treadle/internal/status"
	"treadle/internal/wire"
)

const (
	logSendBytes    = 8 << 10
	logEvery        = 2 * time.Second
	progressEvery   = 500 * time.Millisecond
	progressTextMax = 256
	saveLimit       = 30 * time.Second // for the server to take a step
	tellLimit       = 2 * time.Second  // log lines, progress: a handler waits no longer
)

// Save brings an update to the server, and returns how many bytes of the log the server keeps.
type Save func(attempt *Attempt, update *wire.Update, limit time.Duration) (logBytes int, err error)

// Session is what one attempt saves, tells and logs, on its way to the server. Steps and checkpoints
// are durable when the call returns. Log lines and progress are gathered and go with whatever is sent
// next, at the latest with the report. Any goroutine.
type Session struct {
	attempt *Attempt
	save    Save

	mutex      sync.Mutex // held while sending: what is saved arrives in its order
	steps      map[string]wire.Blob
	checkpoint *wire.Blob
	log        []byte // not sent yet
	logBytes   int    // of what was sent
	logIsFull  bool
	progress   *wire.Progress // not sent yet
	isLost     bool
	sentAt     time.Time
	progressAt time.Time
}

// NewSession returns the session of an attempt.
func NewSession(attempt *Attempt, save Save) *Session {
	return &Session{attempt: attempt, save: save, checkpoint: attempt.Lease.Checkpoint, sentAt: time.Now()}
}

// FindStep returns the result of a step that is done.
func (s *Session) FindStep(name string) (wire.Blob, bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if own, found := s.steps[name]; found {
		return own, true
	}
	earlier, found := s.attempt.Lease.Steps[name]
	return earlier, found
}

// SaveStep keeps the result of a step.
func (s *Session) SaveStep(name string, result wire.Blob) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := s.send(&wire.Update{StepName: name, Step: &result}); err != nil {
		return err
	}
	if s.steps == nil {
		s.steps = map[string]wire.Blob{}
	}
	s.steps[name] = result
	return nil
}

// Checkpoint returns what was saved last; nil: nothing was.
func (s *Session) Checkpoint() *wire.Blob {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.checkpoint
}

// SaveCheckpoint keeps how far the work is.
func (s *Session) SaveCheckpoint(data wire.Blob) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := s.send(&wire.Update{Checkpoint: &data}); err != nil {
		return err
	}
	s.checkpoint = &data
	return nil
}

// TellProgress may be called in a loop: it is sent about twice a second.
func (s *Session) TellProgress(fraction float64, message string) {
	if !(fraction > 0) {
		fraction = 0
	}
	fraction = math.Min(fraction, 1)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.progress = &wire.Progress{Fraction: fraction, Message: PrintableHead(message, progressTextMax, ' ')}
	if fraction == 1 || time.Since(s.progressAt) >= progressEvery {
		_ = s.send(&wire.Update{}) // what cannot be sent now goes with what comes next
	}
}

// AppendLog adds lines; a missing end is added. What is beyond 64 KiB is dropped.
func (s *Session) AppendLog(text string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.logIsFull || text == "" {
		return
	}
	room := wire.LogBytesMax - s.logBytes - len(s.log)
	if s.logIsFull = len(text) >= room; s.logIsFull {
		text = text[:room]
	}
	s.log = append(s.log, strings.ReplaceAll(text, "\x00", " ")...)
	if !s.logIsFull && text[len(text)-1] != '\n' {
		s.log = append(s.log, '\n')
	}
	if len(s.log) >= logSendBytes || time.Since(s.sentAt) >= logEvery {
		_ = s.send(&wire.Update{}) // what cannot be sent now goes with what comes next
	}
}

// TakeLog returns what is left of the log, for the report; nil: nothing is.
func (s *Session) TakeLog() *wire.LogText {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.log) == 0 {
		return nil
	}
	log := &wire.LogText{Offset: s.logBytes, Text: string(s.log)}
	s.log = nil
	return log
}

// send also sends log and progress. What is durable does not fail because of them.
func (s *Session) send(update *wire.Update) error {
	if s.isLost {
		return status.New(status.LeaseLost, "another worker has the task")
	}
	if len(s.log) > 0 {
		update.Log = &wire.LogText{Offset: s.logBytes, Text: string(s.log)}
	}
	update.Progress = s.progress
	limit := tellLimit
	if update.IsDurable() {
		limit = saveLimit
	}
	logBytes, err := s.save(s.attempt, update, limit)
	if isCode(err, status.InvalidArgument) && (update.Log != nil || update.Progress != nil) {
		s.log, s.progress = nil, nil
		update.Log, update.Progress = nil, nil
		if update.IsDurable() {
			logBytes, err = s.save(s.attempt, update, limit)
		}
	}
	s.sentAt = time.Now()
	if update.Progress != nil {
		s.progressAt = s.sentAt
	}
	s.isLost = isCode(err, status.LeaseLost)
	if err != nil {
		return err
	}
	// By the server's count: what is no UTF-8 has become longer on its way.
	s.logBytes = logBytes
	s.logIsFull = s.logIsFull || logBytes >= wire.LogBytesMax
	s.log, s.progress = nil, nil
	return nil
}

func isCode(err error, code string) bool {
	var known *status.Error
	return errors.As(err, &known) && known.Code == code
}

// PrintableHead returns at most so many bytes of text, with instead for what a terminal would not
// show: controls, what has no width or turns the direction, and what is no UTF-8.
func PrintableHead(text string, bytesMax int, instead byte) string {
	var shown []byte
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		next := text[:size]
		if r == utf8.RuneError && size <= 1 || !isShown(r) {
			next = string(rune(instead))
		}
		if len(shown)+len(next) > bytesMax {
			break
		}
		shown = append(shown, next...)
		text = text[size:]
	}
	return string(shown)
}

func isShown(r rune) bool {
	isFrom := func(first, last rune) bool { return r >= first && r <= last }
	return !isFrom(0, 0x1f) && !isFrom(0x7f, 0x9f) && !isFrom(0x200b, 0x200f) &&
		!isFrom(0x2028, 0x202e) && !isFrom(0x2060, 0x206f) && r != 0xad && r != 0xfeff
}
