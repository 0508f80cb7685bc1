// The two-minute example: a worker, and what enqueues its tasks.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"treadle"
)

type Job struct {
	Path  string `json:"path"`
	Width int    `json:"width"`
}

var resize = treadle.NewTaskType[Job, string]("resize", treadle.WithMaxAttempts(5))

func main() {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		worker := treadle.NewWorker(treadle.WorkerOptions{Concurrency: 20})
		resize.Handle(worker, func(ctx context.Context, job Job) (string, error) {
			return fmt.Sprintf("%s-%d.png", strings.TrimSuffix(job.Path, ".png"), job.Width), nil
		})
		os.Exit(worker.RunUntilSignal())
	}
	client, err := treadle.NewClient(treadle.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	handle, err := resize.Enqueue(ctx, client, Job{Path: "a.png", Width: 300})
	if err != nil {
		log.Fatal(err)
	}
	path, err := handle.Get(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(handle.ID, path)
}
