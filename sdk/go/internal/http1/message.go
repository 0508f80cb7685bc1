package http1

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"treadle/internal/status"
)

const (
	answerBytesMax = 64 << 20
	headLinesMax   = 200
	outBytesKept   = 1 << 20
)

// exchange writes a request and reads its answer.
func (c *Conn) exchange(ctx context.Context, request Request, deadline time.Time) (Answer, error) {
	c.hasRead = false
	c.write(request)
	socket := c.socket
	if err := socket.SetDeadline(deadline); err != nil {
		return Answer{}, err
	}
	defer closeWith(ctx, socket)()
	c.MayHaveArrived = true
	if _, err := socket.Write(c.out); err != nil {
		return Answer{}, err
	}
	return c.read()
}

// closeWith ends what the socket does when ctx ends, until the function that it returns is called.
func closeWith(ctx context.Context, socket net.Conn) func() {
	if ctx.Done() == nil {
		return func() {}
	}
	finished := make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
			socket.Close()
		case <-finished:
		}
	}()
	return func() { close(finished) }
}

func (c *Conn) write(request Request) {
	if cap(c.out) > outBytesKept {
		c.out = nil
	}
	out := append(c.out[:0], request.Method...)
	out = append(out, ' ')
	out = append(out, request.Target...)
	out = append(out, " HTTP/1.1\r\nHost: "...)
	out = append(out, c.settings.Servers[c.current].Authority...)
	out = append(out, "\r\nUser-Agent: treadle-go\r\n"...)
	if c.settings.Token != "" {
		out = append(out, "Authorization: Bearer "...)
		out = append(out, c.settings.Token...)
		out = append(out, "\r\n"...)
	}
	if request.Body != nil {
		out = append(out, "Content-Type: application/json\r\n"...)
	}
	out = append(out, "Content-Length: "...)
	out = strconv.AppendInt(out, int64(len(request.Body)), 10)
	out = append(out, "\r\n\r\n"...)
	c.out = append(out, request.Body...)
}

type head struct {
	httpStatus  int
	contentType string
	sha256      string
	length      int64 // -1: not said
	isChunked   bool
	closes      bool
}

func (c *Conn) read() (Answer, error) {
	first, err := c.readHead()
	for err == nil && first.httpStatus == 100 {
		first, err = c.readHead()
	}
	if err != nil {
		return Answer{}, err
	}
	body, err := c.readBody(first)
	if err != nil {
		return Answer{}, err
	}
	if first.closes || c.reader.Buffered() > 0 {
		c.Close()
	}
	return Answer{HTTPStatus: first.httpStatus, ContentType: first.contentType, SHA256: first.sha256, Body: body}, nil
}

func (c *Conn) readHead() (head, error) {
	line, err := c.readLine()
	if err != nil {
		return head{}, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return head{}, c.isNoServer()
	}
	found := head{length: -1}
	if found.httpStatus, err = strconv.Atoi(string(line[9:12])); err != nil {
		return head{}, c.isNoServer()
	}
	for i := 0; i < headLinesMax; i++ {
		if line, err = c.readLine(); err != nil {
			return head{}, err
		}
		if len(line) == 0 {
			return found, nil
		}
		if err := c.note(&found, line); err != nil {
			return head{}, err
		}
	}
	return head{}, c.isNoServer()
}

func (c *Conn) note(found *head, line []byte) error {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return c.isNoServer()
	}
	value := string(textproto.TrimBytes(line[colon+1:]))
	switch name := line[:colon]; {
	case isNamed(name, "content-length"):
		length, err := strconv.ParseInt(value, 10, 64)
		if err != nil || length < 0 || length > answerBytesMax {
			return status.New(status.Internal, "the answer of "+c.URL()+" has no length that can be")
		}
		found.length = length
	case isNamed(name, "content-type"):
		found.contentType = value
	case isNamed(name, "treadle-sha256"):
		found.sha256 = value
	case isNamed(name, "transfer-encoding"):
		found.isChunked = strings.Contains(strings.ToLower(value), "chunked")
	case isNamed(name, "connection"):
		found.closes = strings.EqualFold(value, "close")
	}
	return nil
}

func isNamed(name []byte, wanted string) bool {
	return len(name) == len(wanted) && strings.EqualFold(string(name), wanted)
}

// readLine returns a line without its end. It is valid until the next read.
func (c *Conn) readLine() ([]byte, error) {
	line, err := c.reader.ReadSlice('\n')
	c.hasRead = c.hasRead || len(line) > 0
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

func (c *Conn) readBody(first head) ([]byte, error) {
	switch {
	case first.isChunked:
		return c.readChunks()
	case first.length >= 0:
		body := make([]byte, first.length)
		_, err := io.ReadFull(c.reader, body)
		return body, err
	}
	defer c.Close()
	return io.ReadAll(io.LimitReader(c.reader, answerBytesMax))
}

func (c *Conn) readChunks() ([]byte, error) {
	var body []byte
	for {
		line, err := c.readLine()
		if err != nil {
			return nil, err
		}
		digits, _, _ := strings.Cut(string(line), ";")
		size, err := strconv.ParseInt(strings.TrimSpace(digits), 16, 64)
		if err != nil || size < 0 || int64(len(body))+size > answerBytesMax {
			return nil, c.isNoServer()
		}
		begin := len(body)
		body = append(body, make([]byte, size)...)
		if _, err := io.ReadFull(c.reader, body[begin:]); err != nil {
			return nil, err
		}
		if _, err := c.readLine(); err != nil {
			return nil, err
		}
		if size == 0 {
			return body, nil
		}
	}
}

func (c *Conn) isNoServer() error {
	return status.New(status.Internal, c.URL()+" does not answer like a Treadle server")
}
