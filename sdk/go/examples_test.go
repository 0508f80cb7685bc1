package treadle_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"treadle"
	"treadle/treadletest"
)

type picture struct {
	Path  string `json:"path"`
	Width int    `json:"width"`
}

// A task type is shared by the program that enqueues and the worker. Here they meet in memory; a
// worker is otherwise started with Run or RunUntilSignal.
func Example() {
	resize := treadle.NewTaskType[picture, string]("resize", treadle.WithMaxAttempts(5))
	worker := treadle.NewWorker(treadle.WorkerOptions{Concurrency: 20})
	resize.Handle(worker, func(ctx context.Context, in picture) (string, error) {
		return fmt.Sprintf("%s-%d.png", strings.TrimSuffix(in.Path, ".png"), in.Width), nil
	})
	client := treadletest.New(worker).Client()
	ctx := context.Background()
	handle, err := resize.Enqueue(ctx, client, picture{Path: "a.png", Width: 300})
	if err != nil {
		log.Fatal(err)
	}
	path, err := handle.Get(ctx)
	fmt.Println(handle.ID, path, err)
	// Output: 1-1 a-300.png <nil>
}

// The second attempt does not charge again.
func ExampleStep() {
	worker := treadle.NewWorker(treadle.WorkerOptions{})
	treadle.Handle(worker, "order", func(ctx context.Context, cents int) (string, error) {
		receipt, err := treadle.Step(ctx, "charge", func() (string, error) {
			fmt.Println("charging", cents)
			return "r-17", nil
		})
		if err != nil {
			return "", err
		}
		if task, _ := treadle.TaskOf(ctx); task.Attempt == 1 {
			return "", errors.New("the mail server is away")
		}
		return "mailed " + receipt, nil
	})
	memory := treadletest.New(worker)
	ctx := context.Background()
	handle, err := treadle.Enqueue(ctx, memory.Client(), "order", 350)
	if err != nil {
		log.Fatal(err)
	}
	memory.Advance(time.Minute)
	var result string
	err = handle.Result(ctx, &result)
	fmt.Println(result, err)
	// Output:
	// charging 350
	// mailed r-17 <nil>
}

// Middleware sees every task, its result and its error.
func ExampleWorker_Use() {
	worker := treadle.NewWorker(treadle.WorkerOptions{})
	worker.Use(func(next treadle.Handler) treadle.Handler {
		return func(ctx context.Context, task *treadle.Task) (treadle.Bytes, error) {
			result, err := next(ctx, task)
			fmt.Println(task.Type, string(task.Payload), err)
			return result, err
		}
	})
	treadle.HandleFunc(worker, "fails", func(context.Context, int) error {
		return treadle.NeverRetry(treadle.Fail("sold_out", "no more of it"))
	})
	memory := treadletest.NewInline(worker)
	_, err := treadle.Enqueue(context.Background(), memory.Client(), "fails", 7)
	fmt.Println(err)
	// Output:
	// fails 7 sold_out: no more of it
	// <nil>
}

// Dead tasks get another chance, 100 a second.
func ExampleClient_StartBulk() {
	client, err := treadle.NewClient(treadle.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	dead := treadle.Filter{Queue: "mails", State: treadle.StateDead}
	bulk, err := client.StartBulk(ctx, dead, treadle.BulkRequest{Action: treadle.BulkRedrive, Rate: 100})
	if err != nil {
		log.Fatal(err)
	}
	if bulk, err = client.WaitBulk(ctx, bulk.ID); err != nil {
		log.Fatal(err)
	}
	fmt.Println(bulk.Changed, "of", bulk.Found)
}

// A full queue says when to try again.
func ExampleError() {
	client, err := treadle.NewClient(treadle.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	_, err = treadle.Enqueue(context.Background(), client, "resize", picture{Path: "a.png"})
	var known *treadle.Error
	if errors.Is(err, treadle.ErrResourceExhausted) && errors.As(err, &known) {
		time.Sleep(known.RetryAfter)
	}
}
