package treadle_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"treadle"
)

// tlsProxy passes HTTPS on to a server, as an operator would have it done.
func (p *place) tlsProxy() (address string, trusted *tls.Config) {
	p.Helper()
	target, err := url.Parse(p.server.URL)
	if err != nil {
		p.Fatal(err)
	}
	silent, passing := log.New(io.Discard, "", 0), httputil.NewSingleHostReverseProxy(target)
	passing.ErrorLog = silent
	proxy := httptest.NewUnstartedServer(passing)
	proxy.Config.ErrorLog = silent
	proxy.StartTLS()
	p.Cleanup(proxy.Close)
	trusted = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	trusted.RootCAs.AddCert(proxy.Certificate())
	return proxy.URL, trusted
}

func TestAProxyWithTLSMayStandBeforeTheServer(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	address, trusted := p.tlsProxy()
	client, err := treadle.NewClient(treadle.Options{Servers: []string{address}, TLS: trusted})
	if err != nil {
		t.Fatal(err)
	}
	p.Cleanup(func() { client.Close() })
	p.client = client
	w := p.worker(treadle.WorkerOptions{})
	treadle.Handle(w.Worker, "echo", func(_ context.Context, n int) (int, error) { return n, nil })
	w.start(t)
	p.expectNumbers(p.enqueueNumbers("echo", numbers(0, 60)), numbers(0, 60))
}

func TestACertificateThatCannotBeTrustedIsAnErrorAtOnce(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	address, trusted := p.tlsProxy()
	for _, each := range []struct {
		server string
		config *tls.Config
		why    string
	}{
		{address, nil, "cannot be trusted"},
		{strings.Replace(address, "127.0.0.1", "localhost", 1), trusted, "cannot be trusted"},
		{strings.Replace(p.server.URL, "http:", "https:", 1), trusted, "does not speak TLS"},
	} {
		client, err := treadle.NewClient(treadle.Options{Servers: []string{each.server}, TLS: each.config})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		_, err = client.Info(p.ctx)
		if !errors.Is(err, treadle.ErrInternal) || !strings.Contains(err.Error(), each.why) {
			t.Errorf("%s: %v", each.server, err)
		}
		if time.Since(begun) > 10*time.Second {
			t.Error("it was tried again, though another try ends the same")
		}
	}
}
