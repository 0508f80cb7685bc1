package treadle

import (
	"bytes"
	"os"
	"sync"
	"time"

	"treadle/internal/jsonx"
)

const (
	linesWaitingMax = 1 << 20         // bytes; more is dropped
	linesCloseWait  = 1 * time.Second // for a reader that is slow
)

// lineWriter writes lines to standard error by a goroutine of its own, so that a reader that is slow
// never holds up the work: what it does not take is dropped. Any goroutine.
type lineWriter struct {
	mutex   sync.Mutex
	waiting bytes.Buffer
	isBusy  bool
	idle    *sync.Cond
}

func newLineWriter() *lineWriter {
	w := &lineWriter{}
	w.idle = sync.NewCond(&w.mutex)
	return w
}

func (w *lineWriter) write(line string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.waiting.Len()+len(line) > linesWaitingMax {
		return
	}
	w.waiting.WriteString(line)
	w.waiting.WriteByte('\n')
	if !w.isBusy {
		w.isBusy = true
		go w.run()
	}
}

func (w *lineWriter) run() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for w.waiting.Len() > 0 {
		text := append([]byte{}, w.waiting.Bytes()...)
		w.waiting.Reset()
		w.mutex.Unlock()
		os.Stderr.Write(text)
		w.mutex.Lock()
	}
	w.isBusy = false
	w.idle.Broadcast()
}

// close waits for what was written, but not for long.
func (w *lineWriter) close() {
	written := make(chan struct{})
	go func() {
		w.mutex.Lock()
		defer w.mutex.Unlock()
		for w.isBusy {
			w.idle.Wait()
		}
		close(written)
	}()
	select {
	case <-written:
	case <-time.After(linesCloseWait):
	}
}

// sayings returns the function that writes a line about the worker itself.
func sayings(write func(line string), asJSON bool) func(line string) {
	return func(line string) {
		if !asJSON {
			write("treadle worker: " + printable(line))
			return
		}
		out := append([]byte(`{"time":"`), time.Now().UTC().Format("2006-01-02T15:04:05.000Z")...)
		out = jsonx.AppendString(append(out, `","message":`...), line)
		write(string(append(out, '}')))
	}
}

func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
