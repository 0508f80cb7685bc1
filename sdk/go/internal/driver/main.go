// The driver of the Go SDK for tests/sdk/conformance.py: commands on standard input, answers on
// standard output, one JSON object on each line. `driver worker SERVER QUEUE GRACE_MS` is a worker
// until a signal.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"treadle"
)

type command struct {
	Do            string            `json:"do"`
	Server        string            `json:"server"`
	Queue         string            `json:"queue"`
	Type          string            `json:"type"`
	Payload       json.RawMessage   `json:"payload"`
	PayloadBase64 *string           `json:"payload_base64"`
	ContentType   string            `json:"content_type"`
	Payloads      []json.RawMessage `json:"payloads"`
	Options       options           `json:"options"`
	Task          string            `json:"task"`
	TimeoutMs     int64             `json:"timeout_ms"`
	Value         string            `json:"value"`
	State         string            `json:"state"`
	Tag           string            `json:"tag"`
	workOptions
}

type driver struct {
	client  *treadle.Client
	server  string
	queue   string
	workers []*runningWorker
	runs    runs
	lines   lines
}

func main() {
	d := &driver{}
	if len(os.Args) == 5 && os.Args[1] == "worker" {
		os.Exit(d.program(os.Args[2], os.Args[3], os.Args[4]))
	}
	defer d.end()
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var asked command
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		fmt.Println(string(answer(d.do(asked))))
	}
}

func answer(value any, err error) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err == nil {
		_ = encoder.Encode(map[string]any{"ok": value})
		return bytes.TrimSpace(out.Bytes())
	}
	told := map[string]any{"code": "UNKNOWN", "detail": err.Error()}
	var task *treadle.TaskError
	var known *treadle.Error
	if errors.As(err, &task) {
		told["code"], told["error_code"] = strings.ToUpper(string(task.State)), task.Code
	} else if errors.As(err, &known) {
		told["code"], told["field"] = known.Code, known.Field
		told["retry_after_ms"] = known.RetryAfter.Milliseconds()
	}
	_ = encoder.Encode(map[string]any{"error": told})
	return bytes.TrimSpace(out.Bytes())
}

func (d *driver) do(asked command) (any, error) {
	ctx := context.Background()
	switch asked.Do {
	case "hello":
		return nil, d.hello(asked.Server, asked.Queue)
	case "work":
		d.work(asked.workOptions)
		return nil, nil
	case "stop":
		return nil, d.stop()
	case "lines":
		return d.lines.all(), nil
	case "now":
		return time.Now().UnixMilli(), nil
	case "enqueue_nowait", "enqueue_apart", "leave":
		return d.enqueueEach(ctx, asked)
	case "get":
		return d.get(ctx, asked.Task)
	case "list":
		return d.list(ctx, asked)
	case "enqueue":
		return d.enqueue(ctx, asked)
	case "enqueue_many":
		handles, err := treadle.EnqueueMany(ctx, d.client, asked.Type, asked.Payloads, treadle.WithQueue(d.queue))
		ids := []string{}
		for _, each := range handles {
			ids = append(ids, each.ID)
		}
		return ids, err
	case "result":
		return d.result(ctx, asked)
	case "cancel":
		return d.client.Cancel(ctx, asked.Task, "")
	case "redrive":
		return d.client.Redrive(ctx, asked.Task)
	case "runs":
		return d.runs.all(), nil
	case "refused":
		value := map[string]any{"nan": math.NaN(), "infinity": math.Inf(1), "lone_surrogate": "\xed\xa0\x80"}[asked.Value]
		_, err := treadle.Enqueue(ctx, d.client, "refused", map[string]any{"x": value})
		return nil, err
	}
	return nil, fmt.Errorf("unknown command %q", asked.Do)
}

func (d *driver) enqueue(ctx context.Context, asked command) (any, error) {
	var payload any = asked.Payload
	if asked.PayloadBase64 != nil {
		data, err := base64.StdEncoding.DecodeString(*asked.PayloadBase64)
		if err != nil {
			return nil, err
		}
		payload = treadle.Bytes{Data: data, ContentType: asked.ContentType}
	}
	handle, err := treadle.Enqueue(ctx, d.client, asked.Type, payload,
		append([]treadle.Option{treadle.WithQueue(d.queue)}, asked.Options.all()...)...)
	if err != nil {
		return nil, err
	}
	return handle.ID, nil
}

func (d *driver) result(ctx context.Context, asked command) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(asked.TimeoutMs)*time.Millisecond)
	defer cancel()
	var result treadle.Bytes
	if err := d.client.Handle(asked.Task).Result(ctx, &result); err != nil {
		return nil, err
	}
	if result.ContentType == "application/json" {
		return json.RawMessage(result.Data), nil
	}
	return map[string]any{"base64": result.Data, "content_type": result.ContentType}, nil
}
