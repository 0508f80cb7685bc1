// Package testserver starts real Treadle servers for tests, and breaks the way to them.
package testserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Patience is how long tests wait for what must happen.
const Patience = 30 * time.Second

var readyAt = regexp.MustCompile(`http://\S+?:(\d+)`)

// Server is a program that runs.
type Server struct {
	URL  string
	Port string

	t       testing.TB
	binary  string
	data    string
	log     string
	flags   []string
	process *exec.Cmd
}

// Start starts a server in a directory of the test's own. It ends with the test. The test is skipped
// if there is no program: neither $TREADLE nor treadle in the path.
func Start(t testing.TB, flags ...string) *Server {
	t.Helper()
	binary := os.Getenv("TREADLE")
	if binary == "" {
		var err error
		if binary, err = exec.LookPath("treadle"); err != nil {
			t.Skip("set TREADLE to the server's program")
		}
	}
	place := t.TempDir()
	s := &Server{t: t, binary: binary, flags: flags, Port: "0",
		data: filepath.Join(place, "data"), log: filepath.Join(place, "log")}
	s.launch()
	t.Cleanup(s.Kill)
	return s
}

// For returns the same server for another test.
func (s *Server) For(t testing.TB) *Server {
	other := *s
	other.t = t
	return &other
}

func (s *Server) launch() {
	s.t.Helper()
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	before, _ := os.ReadFile(s.log)
	words := append([]string{"server", "--data", s.data, "--listen", "127.0.0.1:" + s.Port}, s.flags...)
	s.process = exec.Command(s.binary, words...)
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	Until(s.t, "the server is ready", func() bool {
		text, _ := os.ReadFile(s.log)
		found := readyAt.FindSubmatch(text[len(before):])
		if found != nil {
			s.Port = string(found[1])
		}
		return found != nil
	})
	s.URL = "http://127.0.0.1:" + s.Port
}

// Kill ends the server as a power failure would.
func (s *Server) Kill() {
	if s.process.ProcessState == nil {
		s.process.Process.Kill()
		s.process.Wait()
	}
}

// Restart starts it again at the same port.
func (s *Server) Restart() { s.launch() }

// Call speaks HTTP to the server and reads the answer into a pointer, or into nothing.
func (s *Server) Call(method, path string, body, into any) {
	s.t.Helper()
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, s.URL+path, sent)
	if err != nil {
		s.t.Fatal(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %v, HTTP %d %s", method, path, err, response.StatusCode, text)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			s.t.Fatal(err)
		}
	}
}

// Policy sets what a queue does.
func (s *Server) Policy(queue string, policy map[string]any) {
	s.t.Helper()
	s.Call("PUT", "/v1/queues/"+queue, policy, nil)
}

// Count returns how many tasks of a queue are in a state.
func (s *Server) Count(queue, state string) int {
	s.t.Helper()
	var found struct{ Tasks map[string]int }
	s.Call("GET", "/v1/queues/"+queue, nil, &found)
	return found.Tasks[state]
}

// Accepted returns how many tasks ever came to a queue.
func (s *Server) Accepted(queue string) int {
	s.t.Helper()
	var found struct{ Accepted int }
	s.Call("GET", "/v1/queues/"+queue, nil, &found)
	return found.Accepted
}

// Until asks again until the answer is yes, and fails the test if it never is.
func Until(t testing.TB, what string, ask func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !ask(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", Patience, what)
		}
	}
}

// QueueOf returns the name of a queue of the test's own.
func QueueOf(t testing.TB) string {
	return fmt.Sprintf("q-%s", strings.ReplaceAll(t.Name(), "/", "."))
}
