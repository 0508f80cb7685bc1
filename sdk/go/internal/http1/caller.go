package http1

import (
	"context"
	"sync"
	"time"

	"treadle/internal/status"
)

// Caller makes calls that outlive the server's absence, on connections that goroutines share. A call
// that no server took is repeated, with growing pauses and at each server in turn, until its time is
// up. A call that broke off after it was sent is repeated only if the request is repeatable. Any
// goroutine.
type Caller struct {
	settings *Settings
	slots    chan struct{}
	mutex    sync.Mutex
	idle     []*Conn
}

// NewCaller returns a Caller that has at most so many calls under way. Others wait.
func NewCaller(settings *Settings, connections int) *Caller {
	return &Caller{settings: settings, slots: make(chan struct{}, connections)}
}

// Call returns the answer. The deadline is for all tries together.
func (c *Caller) Call(ctx context.Context, request Request, deadline time.Time) (Answer, error) {
	var backoff status.Backoff
	for {
		answer, mayHaveArrived, err := c.once(ctx, request, deadline)
		if err == nil {
			return answer, nil
		}
		known, ok := err.(*status.Error)
		if !ok || known.Code != status.Unavailable {
			return Answer{}, err
		}
		if mayHaveArrived && !request.Repeatable {
			known.Detail += "; it is not known whether the request was taken (with an idempotency " +
				"key it is sent again)"
			return Answer{}, known
		}
		pause := backoff.Next()
		if known.RetryAfter > pause {
			pause = known.RetryAfter
		}
		if time.Now().Add(pause).After(deadline) {
			return Answer{}, err
		}
		if !Sleep(ctx, pause) {
			return Answer{}, FromContext(ctx)
		}
	}
}

// Sleep returns false if ctx ended meanwhile.
func Sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (c *Caller) once(ctx context.Context, request Request, deadline time.Time) (Answer, bool, error) {
	if err := c.take(ctx, deadline); err != nil {
		return Answer{}, false, err
	}
	defer func() { <-c.slots }()
	connection := c.borrow()
	answer, err := connection.Call(ctx, request, deadline)
	c.giveBack(connection)
	return answer, connection.MayHaveArrived, err
}

func (c *Caller) take(ctx context.Context, deadline time.Time) error {
	select {
	case c.slots <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return FromContext(ctx)
	case <-timer.C:
		return status.New(status.DeadlineExceeded, "all connections were in use until the deadline")
	}
}

func (c *Caller) borrow() *Conn {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if last := len(c.idle) - 1; last >= 0 {
		connection := c.idle[last]
		c.idle = c.idle[:last]
		return connection
	}
	return NewConn(c.settings)
}

func (c *Caller) giveBack(connection *Conn) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.idle = append(c.idle, connection)
}

// Close closes the connections that nobody uses.
func (c *Caller) Close() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, connection := range c.idle {
		connection.Close()
	}
	c.idle = nil
}
