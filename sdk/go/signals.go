package treadle

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// RunUntilSignal is Run until SIGTERM, SIGINT or SIGHUP (a closed terminal; not under nohup). A second
// signal ends the grace, a third the wait for handlers. It returns the exit status of a program: 0, or
// 1 after a line on standard error that says why.
//
//	os.Exit(worker.RunUntilSignal())
func (w *Worker) RunUntilSignal() int {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	defer signal.Stop(signals)
	finished := make(chan struct{})
	defer close(finished)
	go func() {
		for {
			select {
			case <-signals:
				w.Stop()
			case <-finished:
				return
			}
		}
	}()
	if err := w.Run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "treadle worker: "+printable(messageOf(err)))
		return 1
	}
	return 0
}
