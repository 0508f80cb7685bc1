package treadle_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"treadle"
	"treadle/internal/testserver"
)

func TestOfSeveralServersTheOneThatAnswersIsAsked(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	client, err := treadle.NewClient(treadle.Options{Servers: []string{"http://127.0.0.1:1", p.server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	p.client = client
	w := p.worker(treadle.WorkerOptions{})
	treadle.Handle(w.Worker, "echo", func(_ context.Context, n int) (int, error) { return n, nil })
	w.start(t)
	p.expectNumbers(p.enqueueNumbers("echo", []int{7}), []int{7})
}

func TestTheTokenComesFromItsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("# of this server\na-token-of-this-server-123\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := testserver.Start(t, "--token-file", file)
	t.Setenv("TREADLE_TOKEN_FILE", file)
	p := newPlace(t, server, server.URL)
	p.enqueue("t", nil)
	wrong, err := treadle.NewClient(treadle.Options{Servers: []string{server.URL}, Token: "wrong"})
	if err != nil {
		t.Fatal(err)
	}
	w := p.worker(treadle.WorkerOptions{Client: wrong})
	treadle.HandleFunc(w.Worker, "t", func(context.Context, any) error { return nil })
	w.start(t)
	if err := w.wait(t); !errors.Is(err, treadle.ErrUnauthenticated) {
		t.Error(err)
	}
}
