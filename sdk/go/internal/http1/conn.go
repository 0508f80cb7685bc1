package http1

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"treadle/internal/status"
)

// Answer is what the server said. Its HTTP status is below 300.
type Answer struct {
	HTTPStatus  int
	ContentType string
	SHA256      string // of the body, as the server says; empty: it does not
	Body        []byte
}

// Request is one call.
type Request struct {
	Method string
	Target string
	// Body is JSON, or nil.
	Body []byte
	// Repeatable says that the server may get the request twice.
	Repeatable bool
}

// Settings say where servers are and how to reach them.
type Settings struct {
	Servers     []Address
	Token       string
	DialTimeout time.Duration
	// TLS is for servers with https. nil: the certificates that the system trusts.
	TLS *tls.Config
}

// Conn is one connection that is kept, to one of several servers. A call that fails closes it, and
// the next call connects again, to the next server if this one cannot be reached. One goroutine
// calls; any may call Abort.
type Conn struct {
	// MayHaveArrived says of the last call whether a server may have got it without answering.
	MayHaveArrived bool

	settings *Settings
	current  int
	reader   *bufio.Reader
	out      []byte
	hasRead  bool // anything of the answer

	mutex     sync.Mutex
	socket    net.Conn
	isAborted bool
}

// NewConn returns a Conn that connects with its first call.
func NewConn(settings *Settings) *Conn { return &Conn{settings: settings} }

// URL returns that of the server that is asked now.
func (c *Conn) URL() string { return c.settings.Servers[c.current].URL() }

// Abort ends the call under way, and all later ones, with CANCELLED.
func (c *Conn) Abort() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.isAborted = true
	if c.socket != nil {
		c.socket.Close()
	}
}

// Close closes the connection. The next call makes another.
func (c *Conn) Close() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.socket != nil {
		c.socket.Close()
		c.socket = nil
	}
}

// Call asks once and returns the answer, or the Error that the server names. A kept connection that
// the server has closed meanwhile is replaced silently if nothing of an answer came and the request
// is repeatable; one that is not repeatable gets a new connection.
func (c *Conn) Call(ctx context.Context, request Request, deadline time.Time) (Answer, error) {
	c.MayHaveArrived = false
	if !request.Repeatable {
		c.Close()
	}
	wasOpen := c.socket != nil
	for {
		if c.socket == nil {
			wasOpen = false
			if err := c.connectToAny(ctx, deadline); err != nil {
				return Answer{}, err
			}
		}
		answer, err := c.exchange(ctx, request, deadline)
		if err == nil {
			c.MayHaveArrived = false
			return c.checked(answer)
		}
		c.Close()
		if failure := c.ended(ctx, err); failure != nil {
			return Answer{}, failure
		}
		if !wasOpen || c.hasRead {
			return Answer{}, c.broke(err)
		}
		wasOpen = false
	}
}

// ended returns why no other try makes sense, or nil.
func (c *Conn) ended(ctx context.Context, err error) error {
	var known *status.Error
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch {
	case c.isAborted:
		return status.New(status.Cancelled, "the call was cancelled")
	case ctx.Err() != nil:
		return FromContext(ctx)
	case errors.As(err, &known):
		return known
	case errors.Is(err, os.ErrDeadlineExceeded):
		return status.New(status.DeadlineExceeded, "no answer in time from "+c.URL())
	}
	return nil
}

// FromContext returns the error of a context that has ended.
func FromContext(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &status.Error{Code: status.DeadlineExceeded, Detail: "no answer in time", Cause: ctx.Err()}
	}
	return &status.Error{Code: status.Cancelled, Detail: "the call was cancelled", Cause: ctx.Err()}
}

func (c *Conn) broke(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return status.New(status.Unavailable, "the connection to "+c.URL()+" was closed")
	}
	return status.New(status.Unavailable, "the connection to "+c.URL()+" broke: "+rootOf(err))
}

// rootOf leaves out the addresses that net repeats.
func rootOf(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		err = op.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return err.Error()
}

func (c *Conn) checked(answer Answer) (Answer, error) {
	switch {
	case answer.HTTPStatus < 300:
		return answer, nil
	case answer.HTTPStatus < 400:
		return Answer{}, status.New(status.Internal, c.URL()+" answered with a redirection, HTTP "+
			strconv.Itoa(answer.HTTPStatus)+"; is that a Treadle server? Check the address")
	}
	return Answer{}, status.FromProblem(answer.HTTPStatus, answer.Body)
}
