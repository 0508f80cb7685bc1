package treadle

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"time"

	"treadle/internal/http1"
	"treadle/internal/status"
)

// Options are those of a Client. The zero value is right for most programs.
type Options struct {
	// Servers are addresses, "http://HOST:PORT", tried in this order. None: those of the environment
	// variable TREADLE_SERVER (commas between several), else http://127.0.0.1:7373. Treadle itself does
	// not speak TLS; "https://HOST:PORT" names a proxy in front of it.
	Servers []string
	// TLS is for addresses with https: whom to trust, and a certificate of the client's own. nil: whom
	// the system trusts.
	TLS *tls.Config
	// Token is sent as a bearer token. Empty: the first line of the file that TREADLE_TOKEN_FILE
	// names, if it is set.
	Token string
	// Timeout is for a call with all its tries. 0: 30 s.
	Timeout time.Duration
	// DialTimeout is for each connection. 0: 5 s.
	DialTimeout time.Duration
	// Linger is how long an Enqueue waits at most for the one before it to return, so that many share
	// a request. 0: 2 ms. Negative: every call is a request of its own.
	Linger time.Duration
	// Connections is how many calls are under way at most. Others wait. 0: 32.
	Connections int
	// NoKeys has the client make no idempotency keys of its own. An enqueue without a key whose answer
	// is lost then fails with ErrUnavailable instead of being repeated.
	NoKeys bool
	// Traceparent returns the W3C trace context of ctx, for tasks that are enqueued with it and without
	// WithTraceparent: for example what OpenTelemetry's propagator writes. Empty: ctx has none. nil, or
	// empty inside of a handler: that of the handler's task.
	Traceparent func(ctx context.Context) string
}

const (
	defaultServer      = "http://127.0.0.1:7373"
	timeoutDefault     = 30 * time.Second
	dialTimeoutDefault = 5 * time.Second
	lingerDefault      = 2 * time.Millisecond
	connectionsDefault = 32
	connectionsMax     = 256
)

func (o Options) withDefaults() (Options, error) {
	if o.Timeout == 0 {
		o.Timeout = timeoutDefault
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = dialTimeoutDefault
	}
	if o.Linger == 0 {
		o.Linger = lingerDefault
	}
	if o.Connections == 0 {
		o.Connections = connectionsDefault
	}
	if o.Timeout < 0 || o.DialTimeout < 0 {
		return o, status.Wrong("timeout", "timeouts must not be negative")
	}
	if o.Connections < 1 || o.Connections > connectionsMax {
		return o, status.Wrong("connections", "connections must be from 1 to 256")
	}
	return o, nil
}

func (o Options) settings() (*http1.Settings, error) {
	texts := o.Servers
	if len(texts) == 0 {
		texts = strings.Split(os.Getenv("TREADLE_SERVER"), ",")
	}
	settings := &http1.Settings{DialTimeout: o.DialTimeout, TLS: o.TLS}
	for _, text := range texts {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		address, err := http1.ParseAddress(text)
		if err != nil {
			return nil, err
		}
		settings.Servers = append(settings.Servers, address)
	}
	if len(settings.Servers) == 0 {
		address, _ := http1.ParseAddress(defaultServer)
		settings.Servers = []http1.Address{address}
	}
	var err error
	settings.Token, err = o.token()
	return settings, err
}

func (o Options) token() (string, error) {
	token, path := o.Token, os.Getenv("TREADLE_TOKEN_FILE")
	if token == "" && path != "" {
		var err error
		if token, err = readToken(path); err != nil {
			return "", err
		}
	}
	for _, char := range token {
		if char <= ' ' || char == 0x7f {
			return "", status.Wrong("token", "the token holds white space or control characters")
		}
	}
	return token, nil
}

func readToken(path string) (string, error) {
	const tokenLike = 16
	file, err := os.Open(path)
	if err != nil {
		if len(path) >= tokenLike && !strings.ContainsAny(path, "/.") {
			return "", status.Wrong("token", "the token file cannot be read; its name looks like a "+
				"token and is not shown. Write the token into a file, and name the file")
		}
		return "", status.Wrong("token", fmt.Sprintf("the token file cannot be read: %v", err))
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if line := strings.TrimSpace(lines.Text()); line != "" && line[0] != '#' {
			return line, nil
		}
	}
	return "", status.Wrong("token", "the token file "+path+" holds no token")
}
