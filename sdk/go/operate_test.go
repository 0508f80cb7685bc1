package treadle_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"treadle"
	"treadle/internal/testserver"
)

// Who serves each operation of the API: a method of *Client, or what a worker does.
var operations = map[string]string{
	"enqueueTask": "EnqueueTasks", "enqueueBatch": "EnqueueTasks", "listTasks": "List", "getTask": "Get",
	"editTask": "Edit", "deleteTask": "Delete", "getPayload": "Payload", "getResult": "Result",
	"getAttempts": "Attempts", "getLog": "Log", "explainTask": "Explain", "runTaskNow": "RunNow",
	"cancelTask": "Cancel", "redriveTask": "Redrive", "releaseTask": "Release",
	"startBulk": "StartBulk", "listBulk": "ListBulk", "getBulk": "GetBulk", "stopBulk": "StopBulk",
	"startBackup": "StartBackup", "listBackups": "ListBackups", "getBackup": "GetBackup",
	"listQueues": "ListQueues", "getQueue": "GetQueue", "putQueue": "PutQueue", "deleteQueue": "DeleteQueue",
	"pauseQueue": "PauseQueue", "resumeQueue": "ResumeQueue",
	"listTypes": "ListTypes", "getType": "GetType", "putType": "PutType", "deleteType": "DeleteType",
	"putContract": "PutContract", "deleteContract": "DeleteContract",
	"exchange": "worker", "saveAttempt": "worker",
	"getInfo": "Info", "getOpenApi": "OpenAPI", "getReadyz": "Ready", "getLivez": "Ready", "getMetrics": "Metrics",
}

func TestEveryOperationOfTheServerHasAMethod(t *testing.T) {
	t.Parallel()
	contract, err := os.ReadFile("../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^      operationId: (\w+)$`).FindAllStringSubmatch(string(contract), -1)
	if len(found) < len(operations) {
		t.Error(len(found), "operations are in docs/openapi.yaml")
	}
	for _, each := range found {
		method := operations[each[1]]
		if _, has := reflect.TypeOf(&treadle.Client{}).MethodByName(method); !has && method != "worker" {
			t.Errorf("%s: there is no method %q", each[1], method)
		}
	}
}

func TestATaskIsEditedAndMoved(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	priority, at := 9, time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	handle := p.enqueue("t", 1)
	state, err := handle.Edit(p.ctx, treadle.Edit{Queue: p.queue + ".other", Payload: map[string]int{"n": 2},
		Priority: &priority, MaxAttempts: 7, RunAt: at})
	if err != nil || state != treadle.StateScheduled {
		t.Error(state, err)
	}
	payload, err := p.client.Payload(p.ctx, handle.ID)
	if err != nil || string(payload.Data) != `{"n":2}` {
		t.Error(err, string(payload.Data))
	}
	info := p.info(handle)
	if info.Queue != p.queue+".other" || info.Priority != 9 || info.MaxAttempts != 7 || !info.RunAt.Equal(at) {
		t.Errorf("%+v", info)
	}
	if state, err := handle.Edit(p.ctx, treadle.Edit{Payload: []byte{0xff}, Delay: 2 * time.Hour}); err != nil || state != treadle.StateScheduled {
		t.Error(state, err)
	}
	if info := p.info(handle); info.ContentType != "application/octet-stream" || !info.RunAt.After(at) {
		t.Errorf("%+v", info)
	}
	if _, err := handle.Edit(p.ctx, treadle.Edit{}); !errors.Is(err, treadle.ErrInvalidArgument) {
		t.Error(err)
	}
	if state, err := handle.RunNow(p.ctx); err != nil || state != treadle.StateReady {
		t.Error(state, err)
	}
}

func TestATaskIsExplainedAndItsAttemptsAreListed(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	handle := p.enqueue("works", nil, treadle.WithRetry(treadle.RetryPolicy{Backoff: "fixed", Base: time.Hour, Jitter: "none"}))
	why, err := handle.Explain(p.ctx)
	if err != nil || why.Reason != "no_worker" || why.Next == "" || why.State != treadle.StateReady {
		t.Errorf("%+v %v", why, err)
	}
	w := p.worker(treadle.WorkerOptions{Name: "hard-worker", Build: "v1"})
	treadle.HandleFunc(w.Worker, "works", func(ctx context.Context, _ any) error {
		if _, err := treadle.Step(ctx, "charge", func() (int, error) { return 17, nil }); err != nil {
			return err
		}
		if err := treadle.SaveCheckpoint(ctx, []byte{0xff}); err != nil {
			return err
		}
		return treadle.Fail("sold_out", "no more")
	})
	w.start(t)
	p.untilState(handle, treadle.StateRetrying)
	history, err := handle.Attempts(p.ctx)
	if err != nil || len(history.Attempts) != 1 || len(history.Steps) != 1 || history.Checkpoint == nil {
		t.Fatalf("%+v %v", history, err)
	}
	first := history.Attempts[0]
	if first.Outcome != "failed" || first.Worker != "hard-worker" || first.Build != "v1" || first.Error.Code != "sold_out" ||
		first.BackoffMs != time.Hour.Milliseconds() || first.StartedAt.IsZero() {
		t.Errorf("%+v", first)
	}
	var charge int
	var saved []byte
	if err := history.Steps[0].ReadResult(&charge); err != nil || charge != 17 {
		t.Error(err, charge)
	}
	if err := history.Checkpoint.ReadData(&saved); err != nil || string(saved) != "\xff" {
		t.Error(err, saved)
	}
}

func TestABulkChangesWhatItsFilterFinds(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	for i := 0; i < 3; i++ {
		p.enqueue("t", i, treadle.WithTags("old"))
	}
	p.enqueue("t", 3)
	old, priority := treadle.Filter{Queue: p.queue, Tag: "old"}, 0
	for _, request := range []treadle.BulkRequest{
		{Action: treadle.BulkCancel, CountOnly: true},
		{Action: treadle.BulkEdit, Edit: &treadle.Edit{Priority: &priority}, Rate: 1000},
		{Action: treadle.BulkCancel, Reason: "withdrawn"},
	} {
		begun, err := p.client.StartBulk(p.ctx, old, request)
		if err != nil {
			t.Fatal(err)
		}
		ended, err := p.client.WaitBulk(p.ctx, begun.ID)
		changed := int64(3)
		if request.CountOnly {
			changed = 0
		}
		if err != nil || ended.State != "done" || ended.Found != 3 || ended.Changed != changed || ended.Action != request.Action {
			t.Errorf("%+v: %+v %v", request, ended, err)
		}
	}
	var cancelled []treadle.TaskInfo
	var err error
	testserver.Until(t, "three are listed", func() bool {
		cancelled = nil
		filter := treadle.Filter{Queue: p.queue, State: treadle.StateCancelled, Limit: 2}
		err = p.client.ListAll(p.ctx, filter, func(task treadle.TaskInfo) error {
			cancelled = append(cancelled, task)
			return nil
		})
		return err != nil || len(cancelled) == 3
	})
	if err != nil || cancelled[0].Priority != 0 || cancelled[0].Error.Message != "withdrawn" {
		t.Fatalf("%+v %v", cancelled, err)
	}
	all, err := p.client.ListBulk(p.ctx)
	if err != nil || len(all) < 3 {
		t.Error(all, err)
	}
	if stopped, err := p.client.StopBulk(p.ctx, all[0].ID); err != nil || !stopped.HasEnded() {
		t.Error(stopped, err)
	}
	if _, err := p.client.StartBulk(p.ctx, treadle.Filter{Limit: 1}, treadle.BulkRequest{Action: treadle.BulkCancel}); !errors.Is(err, treadle.ErrInvalidArgument) {
		t.Error(err)
	}
}

func TestAQueueIsSetPausedAndDeleted(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	grace, yes, bound, kept := time.Duration(0), true, int64(10), 48*time.Hour
	made, err := p.client.PutQueue(p.ctx, p.queue, treadle.QueuePolicy{
		Retry: &treadle.RetryPolicy{Backoff: "listed", Delays: []time.Duration{time.Second, time.Minute}, Never: []string{"n"}},
		Lease: time.Minute, CancelGrace: &grace, Draining: &yes, MaxWorkerLosses: 3,
		Retention: &treadle.Retention{Completed: &kept}, Capacity: &treadle.Capacity{Tasks: &bound, WhenFull: "shed"}})
	if err != nil || !made.Created {
		t.Fatalf("%+v %v", made, err)
	}
	policy := made.Policy
	if policy.Retry.Delays[1] != time.Minute || policy.Retry.Never[0] != "n" || policy.Lease != time.Minute ||
		*policy.CancelGrace != 0 || *policy.Capacity.Tasks != 10 || policy.Capacity.WhenFull != "shed" ||
		*policy.Retention.Completed != kept || policy.IdempotencyWindow != 24*time.Hour || *policy.AttemptTimeout != 0 ||
		policy.MaxWorkerLosses != 3 || !*policy.Draining || *policy.Paused {
		t.Errorf("%+v", policy)
	}
	if paused, err := p.client.PauseQueue(p.ctx, p.queue); err != nil || strings.Join(paused.Conditions, " ") != "paused draining" {
		t.Errorf("%+v %v", paused, err)
	}
	if resumed, err := p.client.ResumeQueue(p.ctx, p.queue); err != nil || *resumed.Policy.Paused {
		t.Errorf("%+v %v", resumed, err)
	}
	if found, err := p.client.GetQueue(p.ctx, p.queue); err != nil || found.Tasks[treadle.StateReady] != 0 || len(found.Tasks) != 8 {
		t.Errorf("%+v %v", found, err)
	}
	if queues, err := p.client.ListQueues(p.ctx); err != nil || len(queues) == 0 {
		t.Error(queues, err)
	}
	if err := p.client.DeleteQueue(p.ctx, p.queue); err != nil {
		t.Error(err)
	}
	if _, err := p.client.GetQueue(p.ctx, p.queue); !errors.Is(err, treadle.ErrNotFound) {
		t.Error(err)
	}
}

func TestATaskTypeIsSetAndDeleted(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	name, limit, priority := p.queue, time.Minute, 7
	set, err := p.client.PutType(p.ctx, name, treadle.TypePolicy{Retry: &treadle.RetryPolicy{Preset: "patient"}, AttemptTimeout: &limit})
	if err != nil || !set.Created || set.Policy.Retry.MaxAttempts != 25 || *set.Policy.AttemptTimeout != limit {
		t.Fatalf("%+v %v", set, err)
	}
	if set, err = p.client.PutType(p.ctx, name, treadle.TypePolicy{RemoveRetry: true}); err != nil || set.Policy.Retry != nil {
		t.Errorf("%+v %v", set, err)
	}
	err = p.client.PutContract(p.ctx, name, treadle.Contract{Version: 3, InputSchema: json.RawMessage(`{"type":"integer"}`),
		ErrorCodes: []treadle.ContractError{{Code: "c", Retry: "never"}}, DefaultPriority: &priority})
	if err != nil {
		t.Fatal(err)
	}
	found, err := p.client.GetType(p.ctx, name)
	if err != nil || len(found.Contracts) != 1 || found.Contracts[0].Version != 3 || *found.Contracts[0].DefaultPriority != 7 ||
		found.Contracts[0].ErrorCodes[0].Retry != "never" || string(found.Contracts[0].InputSchema) != `{"type":"integer"}` {
		t.Errorf("%+v %v", found, err)
	}
	if err := p.client.DeleteContract(p.ctx, name, 3); err != nil {
		t.Error(err)
	}
	types, err := p.client.ListTypes(p.ctx)
	if err != nil || len(types) == 0 {
		t.Error(types, err)
	}
	if err := p.client.DeleteType(p.ctx, name); err != nil {
		t.Error(err)
	}
}

func TestTheServerDescribesItselfAndIsBackedUp(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	if err := p.client.Ready(p.ctx); err != nil {
		t.Error(err)
	}
	if info, err := p.client.Info(p.ctx); err != nil || info.Name != "treadle" || info.Durability != "fsync" || info.Term < 1 {
		t.Errorf("%+v %v", info, err)
	}
	if text, err := p.client.Metrics(p.ctx); err != nil || !strings.Contains(text, "treadle_") {
		t.Error(err)
	}
	if text, err := p.client.OpenAPI(p.ctx); err != nil || !strings.HasPrefix(text, "openapi: 3.1") {
		t.Error(err)
	}
	begun, err := p.client.StartBackup(p.ctx)
	if err != nil {
		t.Fatal(err)
	}
	testserver.Until(t, "the backup is done", func() bool {
		found, err := p.client.GetBackup(p.ctx, begun.Name)
		return err == nil && found.State == "done" && found.Frame > 0
	})
	if all, directory, err := p.client.ListBackups(p.ctx); err != nil || len(all) == 0 || directory == "" {
		t.Error(all, directory, err)
	}
}

func TestAResultIsReadAsItIs(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	w := p.worker(treadle.WorkerOptions{Quiet: true})
	treadle.Handle(w.Worker, "echo", func(_ context.Context, in treadle.Bytes) (treadle.Bytes, error) { return in, nil })
	handle := p.enqueue("echo", json.RawMessage(`{"a":  1.50}`))
	if _, err := p.client.Result(p.ctx, handle.ID); !errors.Is(err, treadle.ErrFailedPrecondition) {
		t.Error(err)
	}
	w.start(t)
	p.result(handle, nil)
	result, err := p.client.Result(p.ctx, handle.ID)
	if err != nil || string(result.Data) != `{"a":  1.50}` || result.ContentType != "application/json" {
		t.Error(err, string(result.Data), result.ContentType)
	}
	if info := p.info(handle); info.ResultSize != 12 || len(info.PayloadSHA256) != 64 {
		t.Errorf("%+v", info)
	}
}
