package treadle

import (
	"context"
	"time"

	"treadle/internal/hook"
	"treadle/internal/http1"
	"treadle/internal/station"
	"treadle/internal/wire"
)

// What package treadletest needs.
func init() {
	hook.NewClient = func(call hook.Call) any {
		client := &Client{options: Options{Timeout: timeoutDefault, Linger: -1, NoKeys: true}}
		client.call = func(ctx context.Context, request http1.Request, _ time.Time) (http1.Answer, error) {
			return call(ctx, request)
		}
		client.stream = newStream(client.sendTasks)
		return client
	}
	hook.Handles = func(worker any, taskType string) bool {
		entry := worker.(*Worker).handlers[taskType]
		if entry != nil && entry.handler == nil {
			panic("the handler of " + taskType + " is nil")
		}
		return entry != nil
	}
	hook.Run = func(worker, client any, attempt *station.Attempt, save station.Save) *wire.Report {
		run := worker.(*Worker).runnerFor(client.(*Client))
		run.save = save
		run.stop = func(string) {}
		return run.run(attempt)
	}
}
