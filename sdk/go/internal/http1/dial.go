package http1

import (
	"bufio"
	"context"
	"net"
	"time"

	"treadle/internal/status"
)

const readerBytes = 32 << 10

func (c *Conn) connectToAny(ctx context.Context, deadline time.Time) error {
	var err error
	for range c.settings.Servers {
		if err = c.connect(ctx, deadline); err == nil {
			return nil
		}
		if failure := c.ended(ctx, err); failure != nil {
			if known, ok := failure.(*status.Error); !ok || known.Code != status.Unavailable {
				return failure
			}
		}
		c.current = (c.current + 1) % len(c.settings.Servers)
	}
	return err
}

func (c *Conn) connect(ctx context.Context, deadline time.Time) error {
	limit := time.Until(deadline)
	if c.settings.DialTimeout < limit {
		limit = c.settings.DialTimeout
	}
	if limit <= 0 {
		return status.New(status.DeadlineExceeded, "no answer in time from "+c.URL())
	}
	dialer := net.Dialer{Timeout: limit}
	socket, err := dialer.DialContext(ctx, "tcp", c.settings.Servers[c.current].Target)
	if err != nil {
		why := rootOf(err)
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			why = "no answer in time"
		}
		return status.New(status.Unavailable, "cannot reach a Treadle server at "+c.URL()+": "+why)
	}
	if c.reader == nil {
		c.reader = bufio.NewReaderSize(socket, readerBytes)
	} else {
		c.reader.Reset(socket)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.isAborted {
		socket.Close()
		return status.New(status.Cancelled, "the call was cancelled")
	}
	c.socket = socket
	return nil
}
