package treadle

import (
	"context"
	"encoding/json"
	"time"

	"treadle/internal/http1"
	"treadle/internal/status"
)

// Client enqueues tasks, waits for their results, reads and steers them. Make one and share it: all
// methods may be called by any goroutine. Connections are made when needed, kept, and made again when
// they break.
//
// A call that no server took (no connection, or a server that is starting or stopping) is repeated,
// with growing pauses and at each server in turn, until Options.Timeout or the end of its context. A
// call that broke off after it was sent is also repeated: every enqueue without an idempotency key is
// given one that holds for a minute, so it still adds one task.
type Client struct {
	options  Options
	settings *http1.Settings
	keys     *keyMaker // nil: none are made
	caller   *http1.Caller
	call     callFunc
	sharer   *sharer
	stream   *stream
}

type callFunc func(ctx context.Context, request http1.Request, deadline time.Time) (http1.Answer, error)

// NewClient returns a client. It does not connect yet. The error is about the options.
func NewClient(options Options) (*Client, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	settings, err := options.settings()
	if err != nil {
		return nil, err
	}
	client := &Client{options: options, settings: settings}
	client.caller = http1.NewCaller(settings, options.Connections)
	client.call = client.caller.Call
	if !options.NoKeys {
		client.keys = newKeyMaker(options.Timeout)
	}
	client.sharer = &sharer{linger: options.Linger, send: client.sendTasks}
	client.stream = newStream(client.sendTasks)
	return client, nil
}

// Close sends what EnqueueAsync took, and closes the connections. It returns what Flush returns.
func (c *Client) Close() error {
	err := c.Flush(context.Background())
	if c.caller != nil {
		c.caller.Close()
	}
	return err
}

// ask makes one call. wait is how long the server was asked to wait; it comes on top of the timeout.
func (c *Client) ask(ctx context.Context, request http1.Request, wait time.Duration) (http1.Answer, error) {
	deadline := time.Now().Add(c.options.Timeout + wait)
	if own, has := ctx.Deadline(); has && own.Before(deadline) {
		deadline = own
	}
	answer, err := c.call(ctx, request, deadline)
	if hasCode(err, status.DeadlineExceeded, status.Unavailable) && ctx.Err() != nil {
		err = http1.FromContext(ctx)
	}
	return answer, err
}

func (c *Client) get(ctx context.Context, target string, wait time.Duration, into any) error {
	answer, err := c.ask(ctx, http1.Request{Method: "GET", Target: target, Repeatable: true}, wait)
	if err != nil {
		return err
	}
	return readAnswer(answer, into)
}

func (c *Client) post(ctx context.Context, target string, body []byte, into any) error {
	return c.send(ctx, http1.Request{Method: "POST", Target: target, Body: body, Repeatable: true}, into)
}

func (c *Client) send(ctx context.Context, request http1.Request, into any) error {
	answer, err := c.ask(ctx, request, 0)
	if err != nil {
		return err
	}
	return readAnswer(answer, into)
}

func readAnswer(answer http1.Answer, into any) error {
	if err := json.Unmarshal(answer.Body, into); err != nil {
		return notAnAnswer(err)
	}
	return nil
}

func notAnAnswer(err error) error {
	return &Error{Code: status.Internal, Cause: err,
		Detail: "the server does not answer like a Treadle server: " + err.Error()}
}
