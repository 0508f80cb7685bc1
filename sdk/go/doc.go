// Package treadle enqueues durable tasks and runs them in workers. It speaks to a Treadle server and
// needs nothing but the standard library.
//
//	client, err := treadle.NewClient(treadle.Options{})
//	handle, err := treadle.Enqueue(ctx, client, "resize", Job{Path: "a.png", Width: 300})
//	var path string
//	err = handle.Result(ctx, &path)
//
// and in a worker:
//
//	worker := treadle.NewWorker(treadle.WorkerOptions{Concurrency: 20})
//	treadle.Handle(worker, "resize", func(ctx context.Context, job Job) (string, error) {
//		return resize(ctx, job.Path, job.Width)
//	})
//	err := worker.Run(ctx)
//
// A handler runs at least once for each task: a worker that dies, or loses its network for longer
// than its lease, has its tasks run by another. Make what a handler does repeatable.
package treadle
