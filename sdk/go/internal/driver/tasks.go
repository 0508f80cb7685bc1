package main

import (
	"context"
	"sync"

	"treadle"
)

// enqueueEach enqueues a task for each payload, without waiting or each in a request of its own.
func (d *driver) enqueueEach(ctx context.Context, asked command) (any, error) {
	client := d.client
	if asked.Do == "enqueue_apart" {
		var err error
		client, err = treadle.NewClient(treadle.Options{Servers: []string{d.server}, Linger: -1})
		if err != nil {
			return nil, err
		}
		defer client.Close()
	}
	ids, errs := make([]string, len(asked.Payloads)), make([]error, len(asked.Payloads))
	var waiting sync.WaitGroup
	for i := range asked.Payloads {
		i := i
		note := func(handle *treadle.TaskHandle, err error) {
			if errs[i] = err; err == nil {
				ids[i] = handle.ID
			}
		}
		var err error
		switch asked.Do {
		case "leave":
			err = client.EnqueueAsync(asked.Type, asked.Payloads[i], nil, treadle.WithQueue(d.queue))
		case "enqueue_nowait":
			err = client.EnqueueAsync(asked.Type, asked.Payloads[i], note, treadle.WithQueue(d.queue))
		default:
			waiting.Add(1)
			go func() {
				defer waiting.Done()
				note(treadle.Enqueue(ctx, client, asked.Type, asked.Payloads[i], treadle.WithQueue(d.queue)))
			}()
		}
		if err != nil {
			return nil, err
		}
	}
	waiting.Wait()
	if asked.Do == "leave" {
		return nil, nil
	}
	if err := client.Flush(ctx); err != nil {
		return nil, err
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func (d *driver) get(ctx context.Context, id string) (any, error) {
	task, err := d.client.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	shown := map[string]any{"id": task.ID, "type": task.Type, "queue": task.Queue, "state": task.State,
		"attempt": task.Attempt, "max_attempts": task.MaxAttempts, "tags": task.Tags,
		"error_code": task.Error.Code, "error_message": task.Error.Message}
	if task.Progress != nil {
		shown["progress"], shown["progress_message"] = task.Progress.Fraction, task.Progress.Message
	}
	return shown, nil
}

func (d *driver) list(ctx context.Context, asked command) (any, error) {
	filter := treadle.Filter{Queue: d.queue, Type: asked.Type, State: treadle.State(asked.State),
		Tag: asked.Tag, Limit: 1}
	ids := []string{}
	for {
		page, err := d.client.List(ctx, filter)
		if err != nil {
			return nil, err
		}
		for _, task := range page.Tasks {
			ids = append(ids, task.ID)
		}
		if filter.Cursor = page.NextCursor; filter.Cursor == "" {
			return ids, nil
		}
	}
}
