package http1

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
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
	if socket, err = c.secured(ctx, socket, time.Now().Add(limit)); err != nil {
		return err
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

// secured returns the connection with TLS, if its server has it.
func (c *Conn) secured(ctx context.Context, socket net.Conn, deadline time.Time) (net.Conn, error) {
	host := c.settings.Servers[c.current].Host
	if host == "" {
		return socket, nil
	}
	config := c.settings.TLS.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	config.NextProtos = []string{"http/1.1"}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	secured := tls.Client(socket, config)
	err := secured.HandshakeContext(ctx)
	if err == nil {
		return secured, nil
	}
	socket.Close()
	return nil, c.handshakeError(err)
}

// handshakeError is UNAVAILABLE, and the call is repeated, unless the server would have to be another:
// what is wrong with a certificate does not pass within a call's time.
func (c *Conn) handshakeError(err error) error {
	var noTLS tls.RecordHeaderError
	var unknown x509.UnknownAuthorityError
	var wrongHost x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &noTLS):
		return status.New(status.Internal, c.URL()+" does not speak TLS. Treadle itself does not: write "+
			"http://, or name the proxy in front of it")
	case errors.As(err, &unknown):
		return c.untrusted(err, "; name the certificate of its CA with CAFile or TREADLE_CA_FILE")
	case errors.As(err, &wrongHost):
		return c.untrusted(err, "; use a name that the certificate has")
	case errors.As(err, &invalid):
		return c.untrusted(err, "")
	}
	return status.New(status.Unavailable, "cannot speak TLS with "+c.URL()+": "+rootOf(err))
}

func (c *Conn) untrusted(err error, remedy string) error {
	return &status.Error{Code: status.Internal, Cause: err,
		Detail: "the certificate of " + c.URL() + " cannot be trusted: " + err.Error() + remedy}
}
