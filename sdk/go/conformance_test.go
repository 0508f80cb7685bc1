package treadle_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The scenarios that every SDK plays.
func TestTheScenariosOfEverySDKHold(t *testing.T) {
	t.Parallel()
	play, err := filepath.Abs("../../tests/sdk/conformance.py")
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("TREADLE") == "" {
		t.Skip("set TREADLE to the server's program")
	}
	driver := filepath.Join(t.TempDir(), "driver")
	if built, err := exec.Command("go", "build", "-o", driver, "./internal/driver").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, built)
	}
	command := exec.Command("/usr/bin/python3", play, driver)
	command.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	played, err := command.CombinedOutput()
	t.Logf("%s", played)
	if err != nil {
		t.Fatal(err)
	}
}
