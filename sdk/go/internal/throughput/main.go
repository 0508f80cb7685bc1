//go:build unix

// Command throughput measures what a task costs the SDK: how many a second are enqueued and run, and
// how much of the processor this process needs for each. The second figure says more where others
// share the machine. For people, no test.
//
//	treadle server --listen 127.0.0.1:7399 --data DIR &
//	go run ./internal/throughput -server http://127.0.0.1:7399 -cpuprofile cpu.out
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"treadle"
)

var (
	server      = flag.String("server", "", "its address; default: that of the environment")
	tasks       = flag.Int("tasks", 200_000, "how many")
	bytes       = flag.Int("payload", 256, "bytes of each payload")
	callers     = flag.Int("callers", 32, "goroutines that enqueue")
	batch       = flag.Int("batch", 100, "tasks of a call; 1: each alone")
	concurrency = flag.Int("concurrency", 100, "of the worker")
	profile     = flag.String("cpuprofile", "", "file for a profile of the worker; that of enqueueing gets .enqueue")
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "throughput:", err)
		os.Exit(1)
	}
}

// measured prints what run costs.
func measured(name, profileTo string, run func()) {
	if profileTo != "" {
		file, err := os.Create(profileTo)
		check(err)
		check(pprof.StartCPUProfile(file))
		defer file.Close()
		defer pprof.StopCPUProfile()
	}
	begun, before := time.Now(), processorTime()
	run()
	took, used := time.Since(begun), processorTime()-before
	fmt.Printf("%-9s%10.0f tasks/s, %5.2f µs of processor a task\n", name,
		float64(*tasks)/took.Seconds(), float64(used.Nanoseconds())/1000/float64(*tasks))
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func main() {
	flag.Parse()
	options := treadle.Options{Linger: -1}
	if *server != "" {
		options.Servers = []string{*server}
	}
	client, err := treadle.NewClient(options)
	check(err)
	defer client.Close()
	queue := fmt.Sprintf("throughput-%d", time.Now().UnixNano())
	enqueueProfile := ""
	if *profile != "" {
		enqueueProfile = *profile + ".enqueue"
	}
	measured("enqueued", enqueueProfile, func() { enqueue(client, queue) })
	measured("ran", *profile, func() { drain(client, queue) })
}

func enqueue(client *treadle.Client, queue string) {
	ctx, payload := context.Background(), strings.Repeat("x", *bytes-2)
	payloads := make([]string, *batch)
	for i := range payloads {
		payloads[i] = payload
	}
	var claimed int64
	var all sync.WaitGroup
	for i := 0; i < *callers; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for atomic.AddInt64(&claimed, int64(*batch)) <= int64(*tasks) {
				if *batch == 1 {
					_, err := treadle.Enqueue(ctx, client, "noop", payload, treadle.WithQueue(queue))
					check(err)
					continue
				}
				_, err := treadle.EnqueueMany(ctx, client, "noop", payloads, treadle.WithQueue(queue))
				check(err)
			}
		}()
	}
	all.Wait()
}

func drain(client *treadle.Client, queue string) {
	worker := treadle.NewWorker(treadle.WorkerOptions{Client: client, Queues: []string{queue},
		Concurrency: *concurrency, Quiet: true})
	var done int64
	treadle.HandleFunc(worker, "noop", func(context.Context, string) error {
		if atomic.AddInt64(&done, 1) == int64(*tasks) {
			worker.Stop()
		}
		return nil
	})
	check(worker.Run(context.Background()))
}
