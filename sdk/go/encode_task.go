package treadle

import (
	"context"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"treadle/internal/jsonx"
)

// encodedTask is a task as the server reads it.
type encodedTask struct {
	json         []byte
	isRepeatable bool
}

// encodedOptions are those of one or many tasks.
type encodedOptions struct {
	fields      []byte // `,"queue":"mails"`
	traceparent string
	hasKey      bool
	// mayGetKey says that the client may add an idempotency key of its own.
	mayGetKey bool
}

func encodeOptions(options []Option) (*encodedOptions, error) {
	var o taskOptions
	for _, option := range options {
		option(&o)
	}
	var w fieldWriter
	o.write(&w)
	return &encodedOptions{fields: w.out, traceparent: o.traceparent, hasKey: o.key != "",
		mayGetKey: o.key == "" && o.keyWindow == 0 && o.uniqueWhile == "" && o.onDuplicate == ""}, nil
}

// encode returns one task. It has the trace context of ctx, unless an option names another.
func (c *Client) encode(ctx context.Context, taskType string, payload any, options []Option) (*encodedTask, error) {
	encoded, err := encodeOptions(options)
	if err != nil {
		return nil, err
	}
	if encoded.traceparent == "" {
		encoded.traceparent = c.traceparentOf(ctx)
	}
	task := new(encodedTask)
	if task.json, err = c.appendTask(nil, taskType, payload, encoded); err != nil {
		return nil, err
	}
	c.mark(task, encoded)
	return task, nil
}

func (c *Client) mark(task *encodedTask, options *encodedOptions) {
	task.isRepeatable = options.hasKey || options.mayGetKey && c.keys != nil
}

// appendTask appends the JSON of a task.
func (c *Client) appendTask(out []byte, taskType string, payload any, options *encodedOptions) ([]byte, error) {
	if out == nil {
		out = make([]byte, 0, 512)
	}
	whole := out
	out = jsonx.AppendString(append(out, `{"type":`...), taskType)
	out, err := appendPayload(append(out, ','), payload)
	if err != nil {
		return whole, err
	}
	out = append(out, options.fields...)
	if options.traceparent != "" {
		out = jsonx.AppendString(append(out, `,"traceparent":`...), options.traceparent)
	}
	if c.keys != nil && options.mayGetKey {
		out = c.keys.append(out)
	}
	return append(out, '}'), nil
}

// appendPayload writes JSON where it belongs; bytes need a detour.
func appendPayload(out []byte, payload any) ([]byte, error) {
	switch payload.(type) {
	case []byte, Bytes, struct{}:
		blob, err := blobOf(payload, "payload")
		return blob.AppendFields(out, "payload"), err
	}
	return jsonx.Encode(append(out, `"payload":`...), payload, "payload")
}

var traceparents = regexp.MustCompile(`^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$`)

func isTraceparent(text string) bool {
	ids := traceparents.FindStringSubmatch(text)
	return ids != nil && strings.Trim(ids[1], "0") != "" && strings.Trim(ids[2], "0") != ""
}

// traceparentOf returns the trace context of ctx: that of Options.Traceparent, or of the task that is
// being handled. No trace is a reason to refuse a task: one that the server would not take is left out.
func (c *Client) traceparentOf(ctx context.Context) string {
	if c.options.Traceparent != nil {
		if traceparent := c.options.Traceparent(ctx); isTraceparent(traceparent) {
			return traceparent
		}
	}
	if attempt := attemptOf(ctx); attempt != nil {
		return attempt.task.Traceparent
	}
	return ""
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
	w.flag("sensitive", o.isSensitive)
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

// MarshalJSON writes the policy with the names of the API.
func (p RetryPolicy) MarshalJSON() ([]byte, error) {
	w := fieldWriter{out: []byte{'{'}, isFirst: true}
	p.write(&w)
	return append(w.out, '}'), nil
}

// UnmarshalJSON reads a policy of the API.
func (p *RetryPolicy) UnmarshalJSON(text []byte) error {
	var read struct {
		Preset      string   `json:"preset"`
		Backoff     string   `json:"backoff"`
		Jitter      string   `json:"jitter"`
		Base        ms       `json:"backoff_base_ms"`
		Cap         ms       `json:"backoff_cap_ms"`
		Delays      []ms     `json:"delays_ms"`
		MaxAttempts int      `json:"max_attempts"`
		Total       ms       `json:"total_ms"`
		Never       []string `json:"never"`
		Always      []string `json:"always"`
	}
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	*p = RetryPolicy{Preset: read.Preset, Backoff: read.Backoff, Jitter: read.Jitter,
		Base: time.Duration(read.Base), Cap: time.Duration(read.Cap), MaxAttempts: read.MaxAttempts,
		Total: time.Duration(read.Total), Never: read.Never, Always: read.Always}
	for _, delay := range read.Delays {
		p.Delays = append(p.Delays, time.Duration(delay))
	}
	return nil
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

func (w *fieldWriter) flag(name string, isSet bool) {
	if isSet {
		w.name(name)
		w.out = append(w.out, "true"...)
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
