package treadle_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"treadle"
)

// tlsProxy passes HTTPS on to a server, as an operator would have it done. caFile holds its certificate.
func (p *place) tlsProxy() (address, caFile string, trusted *tls.Config) {
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
	caFile = filepath.Join(p.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: proxy.Certificate().Raw})
	if err := os.WriteFile(caFile, text, 0o600); err != nil {
		p.Fatal(err)
	}
	return proxy.URL, caFile, trusted
}

func TestAProxyWithTLSMayStandBeforeTheServer(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	address, _, trusted := p.tlsProxy()
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
	address, _, trusted := p.tlsProxy()
	for _, each := range []struct {
		server string
		config *tls.Config
		why    string
	}{
		{address, nil, "name the certificate of its CA with CAFile or TREADLE_CA_FILE"},
		{strings.Replace(address, "127.0.0.1", "localhost", 1), trusted, "use a name that the certificate has"},
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

func TestACAFileIsTrustedInPlaceOfTheSystemsStore(t *testing.T) {
	p := aPlace(t)
	address, caFile, trusted := p.tlsProxy()
	none := filepath.Join(p.TempDir(), "none.pem")
	if err := os.WriteFile(none, []byte("no PEM\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(options treadle.Options, server string) error {
		options.Servers = []string{server}
		client, err := treadle.NewClient(options)
		if err != nil {
			return err
		}
		defer client.Close()
		_, err = client.Info(p.ctx)
		return err
	}
	if err := ask(treadle.Options{CAFile: caFile}, address); err != nil {
		t.Error(err)
	}
	for _, each := range []string{none, none + ".not"} {
		var wrong *treadle.Error
		if err := ask(treadle.Options{CAFile: each}, address); !errors.As(err, &wrong) || wrong.Field != "ca_file" {
			t.Errorf("%s: %v", each, err)
		}
		if err := ask(treadle.Options{CAFile: each}, p.server.URL); err != nil {
			t.Errorf("nobody needs it: %v", err)
		}
		if err := ask(treadle.Options{CAFile: each, TLS: trusted}, address); err != nil {
			t.Errorf("RootCAs take its place: %v", err)
		}
	}
	t.Setenv("TREADLE_CA_FILE", caFile)
	if err := ask(treadle.Options{}, address); err != nil {
		t.Error(err)
	}
}
