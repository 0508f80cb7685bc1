package treadle

import (
	"strconv"
	"time"

	"treadle/internal/jsonx"
	"treadle/internal/status"
)

// encodedTask is a task as the server reads it.
type encodedTask struct {
	json         []byte
	traceparent  string
	isRepeatable bool
}

func (c *Client) encode(taskType string, payload any, options []Option) (*encodedTask, error) {
	var o taskOptions
	for _, option := range options {
		option(&o)
	}
	for _, char := range o.traceparent {
		if char < ' ' || char > '~' {
			return nil, status.Wrong("traceparent", "traceparent must be printable ASCII")
		}
	}
	blob, err := blobOf(payload, "payload")
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, 192+len(blob.Data))
	out = jsonx.AppendString(append(out, `{"type":`...), taskType)
	out = blob.AppendFields(append(out, ','), "payload")
	w := fieldWriter{out: out}
	o.write(&w)
	hasKeyOptions := o.key != "" || o.keyWindow != 0 || o.uniqueWhile != "" || o.onDuplicate != ""
	if c.keys != nil && !hasKeyOptions {
		w.out = c.keys.append(w.out)
	}
	return &encodedTask{
		json:         append(w.out, '}'),
		traceparent:  o.traceparent,
		isRepeatable: o.key != "" || c.keys != nil && !hasKeyOptions,
	}, nil
}

func (o *taskOptions) write(w *fieldWriter) {
	w.text("queue", o.queue)
	if o.priority != nil {
		w.number("priority", int64(*o.priority))
	}
	w.positive("max_attempts", int64(o.maxAttempts))
	w.positive("contract_version", o.contractVersion)
	w.texts("tags", o.tags)
	if o.delay != nil {
		w.number("delay_ms", roundedUp(*o.delay))
	}
	w.time("run_at", o.runAt)
	w.duration("expires_ms", o.expiresIn)
	w.time("expires_at", o.expiresAt)
	w.duration("deadline_ms", o.deadlineIn)
	w.time("deadline_at", o.deadlineAt)
	w.duration("attempt_timeout_ms", o.attemptTimeout)
	if o.retry != nil {
		w.out = append(w.out, `,"retry":{`...)
		w.isFirst = true
		o.retry.write(w)
		w.isFirst = false
		w.out = append(w.out, '}')
	}
	w.text("idempotency_key", o.key)
	w.duration("idempotency_window_ms", o.keyWindow)
	w.text("unique_while", o.uniqueWhile)
	w.text("on_duplicate", o.onDuplicate)
	if o.isSensitive {
		w.name("sensitive")
		w.out = append(w.out, "true"...)
	}
}

func (p *RetryPolicy) write(w *fieldWriter) {
	w.text("preset", p.Preset)
	w.text("backoff", p.Backoff)
	w.text("jitter", p.Jitter)
	w.duration("backoff_base_ms", p.Base)
	w.duration("backoff_cap_ms", p.Cap)
	if len(p.Delays) > 0 {
		w.name("delays_ms")
		for i, delay := range p.Delays {
			w.out = append(w.out, "[,"[min(i, 1)])
			w.out = strconv.AppendInt(w.out, roundedUp(delay), 10)
		}
		w.out = append(w.out, ']')
	}
	w.positive("max_attempts", int64(p.MaxAttempts))
	w.duration("total_ms", p.Total)
	w.texts("never", p.Never)
	w.texts("always", p.Always)
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

// fieldWriter appends fields of an object; what is zero is left out.
type fieldWriter struct {
	out     []byte
	isFirst bool
}

func (w *fieldWriter) name(name string) {
	if !w.isFirst {
		w.out = append(w.out, ',')
	}
	w.isFirst = false
	w.out = append(append(append(w.out, '"'), name...), `":`...)
}

func (w *fieldWriter) text(name, value string) {
	if value != "" {
		w.name(name)
		w.out = jsonx.AppendString(w.out, value)
	}
}

func (w *fieldWriter) texts(name string, values []string) {
	if len(values) == 0 {
		return
	}
	w.name(name)
	for i, value := range values {
		w.out = jsonx.AppendString(append(w.out, "[,"[min(i, 1)]), value)
	}
	w.out = append(w.out, ']')
}

func (w *fieldWriter) number(name string, value int64) {
	w.name(name)
	w.out = strconv.AppendInt(w.out, value, 10)
}

func (w *fieldWriter) positive(name string, value int64) {
	if value != 0 {
		w.number(name, value)
	}
}

func (w *fieldWriter) duration(name string, value time.Duration) {
	if value != 0 {
		w.number(name, roundedUp(value))
	}
}

func (w *fieldWriter) time(name string, at time.Time) {
	if !at.IsZero() {
		w.text(name, at.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
}

func roundedUp(d time.Duration) int64 {
	ms := d.Milliseconds()
	if d > time.Duration(ms)*time.Millisecond {
		ms++
	}
	return ms
}
