package treadle_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

func TestTheExampleOfTheREADMEIsThatOfTheExamples(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("examples/resize/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(readme, append(append([]byte("```go\n"), program...), "```"...)) {
		t.Error("README.md and examples/resize/main.go differ")
	}
}

// In a module of its own, as a program that uses the SDK is built.
func TestTheTwoMinuteExampleRuns(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	sdk, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	place := t.TempDir()
	program, err := os.ReadFile("examples/resize/main.go")
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(place, "main.go"), program, 0o600)
	run := func(words ...string) string {
		t.Helper()
		command := exec.Command(words[0], words[1:]...)
		command.Dir = place
		command.Env = append(os.Environ(), "TREADLE_SERVER="+p.server.URL)
		said, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", words, err, said)
		}
		return string(said)
	}
	run("go", "mod", "init", "example")
	run("go", "mod", "edit", "-require=treadle@v0.0.0", "-replace=treadle="+sdk)
	run("go", "build", "-o", "resize", ".")

	worker := exec.Command(filepath.Join(place, "resize"), "worker")
	worker.Env = append(os.Environ(), "TREADLE_SERVER="+p.server.URL)
	var said bytes.Buffer
	worker.Stderr = &said
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	defer worker.Process.Kill()
	if got := run(filepath.Join(place, "resize")); !regexp.MustCompile(`^1-\d+ a-300\.png\n$`).MatchString(got) {
		t.Error(got)
	}
	worker.Process.Signal(syscall.SIGTERM)
	if err := worker.Wait(); err != nil || !strings.Contains(said.String(), `"outcome":"completed"`) {
		t.Error(err, said.String())
	}
}
