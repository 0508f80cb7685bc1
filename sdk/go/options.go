package treadle

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
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
	// CAFile names a file of certificates (PEM) that are trusted, for addresses with https, in place of
	// the system's store. Empty: the file that TREADLE_CA_FILE names, if it is set.
	CAFile string
	// TLS is for addresses with https: whom to trust, and a certificate of the client's own. Its RootCAs,
	// if there are any, take the place of CAFile.
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
	if settings.TLS, err = o.trust(settings.Servers); err != nil {
		return nil, err
	}
	settings.Token, err = o.token()
	return settings, err
}

// trust returns TLS with the certificates of the CA file.
func (o Options) trust(servers []http1.Address) (*tls.Config, error) {
	path := o.CAFile
	if path == "" {
		path = os.Getenv("TREADLE_CA_FILE")
	}
	usesTLS := false
	for _, each := range servers {
		usesTLS = usesTLS || each.Host != ""
	}
	if path == "" || !usesTLS || (o.TLS != nil && o.TLS.RootCAs != nil) {
		return o.TLS, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, status.Wrong("ca_file", fmt.Sprintf("the CA file cannot be read: %v; it holds certificates as PEM", err))
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(text) {
		return nil, status.Wrong("ca_file", "the CA file "+path+" cannot be read: it has no certificate; "+
			"it holds certificates as PEM")
	}
	config := o.TLS.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config.RootCAs = trusted
	return config, nil
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
