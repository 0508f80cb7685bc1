package treadle

import "context"

// TaskHandle is a task that was enqueued.
type TaskHandle struct {
	Enqueued
	client *Client
}

// Handle returns the handle of a task whose ID is known.
func (c *Client) Handle(id string) *TaskHandle {
	return &TaskHandle{Enqueued: Enqueued{ID: id}, client: c}
}

// Result waits until the task has ended, or ctx has, and reads its result into a pointer: *[]byte or
// *Bytes as it came, anything else from JSON. nil ignores it. The error is a *TaskError if the task
// ended in another way.
func (h *TaskHandle) Result(ctx context.Context, into any) error {
	task, err := h.Wait(ctx)
	if err != nil {
		return err
	}
	return task.ReadResult(into)
}

// Wait returns the task once it has ended.
func (h *TaskHandle) Wait(ctx context.Context) (*TaskInfo, error) {
	return h.client.Wait(ctx, h.ID)
}

// Info returns the task as it is now.
func (h *TaskHandle) Info(ctx context.Context) (*TaskInfo, error) { return h.client.Get(ctx, h.ID) }

// Cancel ends a task that waits, and asks the worker of one that runs to stop. reason is for people
// and may be empty. The state is that of the task now.
func (h *TaskHandle) Cancel(ctx context.Context, reason string) (State, error) {
	return h.client.Cancel(ctx, h.ID, reason)
}

// Redrive makes a dead, canceled or expired task ready again.
func (h *TaskHandle) Redrive(ctx context.Context) (State, error) {
	return h.client.Redrive(ctx, h.ID)
}

// Edit changes the task, or moves it to another queue.
func (h *TaskHandle) Edit(ctx context.Context, edit Edit) (State, error) {
	return h.client.Edit(ctx, h.ID, edit)
}

// RunNow does not let the task wait for its time or its backoff.
func (h *TaskHandle) RunNow(ctx context.Context) (State, error) { return h.client.RunNow(ctx, h.ID) }

// Explain returns why the task does not run.
func (h *TaskHandle) Explain(ctx context.Context) (*Explanation, error) {
	return h.client.Explain(ctx, h.ID)
}

// Attempts returns every attempt at the task, and what they saved.
func (h *TaskHandle) Attempts(ctx context.Context) (*History, error) {
	return h.client.Attempts(ctx, h.ID)
}
