package main

import (
	"time"

	"treadle"
)

// options have the names of the API.
type options struct {
	Priority         *int      `json:"priority"`
	DelayMs          *int64    `json:"delay_ms"`
	MaxAttempts      int       `json:"max_attempts"`
	Tags             []string  `json:"tags"`
	IdempotencyKey   string    `json:"idempotency_key"`
	DeadlineMs       int64     `json:"deadline_ms"`
	ExpiresMs        int64     `json:"expires_ms"`
	AttemptTimeoutMs int64     `json:"attempt_timeout_ms"`
	RunAt            time.Time `json:"run_at"`
	Queue            string    `json:"queue"`
	UniqueWhile      string    `json:"unique_while"`
	OnDuplicate      string    `json:"on_duplicate"`
	Sensitive        bool      `json:"sensitive"`
	Traceparent      string    `json:"traceparent"`
	Retry            *retry    `json:"retry"`
}

type retry struct {
	Backoff       string  `json:"backoff"`
	BackoffBaseMs int64   `json:"backoff_base_ms"`
	DelaysMs      []int64 `json:"delays_ms"`
	Jitter        string  `json:"jitter"`
	MaxAttempts   int     `json:"max_attempts"`
	TotalMs       int64   `json:"total_ms"`
}

func (r *retry) policy() treadle.RetryPolicy {
	policy := treadle.RetryPolicy{Backoff: r.Backoff, Base: milliseconds(r.BackoffBaseMs),
		Jitter: r.Jitter, MaxAttempts: r.MaxAttempts, Total: milliseconds(r.TotalMs)}
	for _, each := range r.DelaysMs {
		policy.Delays = append(policy.Delays, milliseconds(each))
	}
	return policy
}

func milliseconds(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

func (o *options) all() []treadle.Option {
	all := []treadle.Option{
		treadle.WithMaxAttempts(o.MaxAttempts), treadle.WithTags(o.Tags...),
		treadle.WithKey(o.IdempotencyKey), treadle.WithDeadlineIn(milliseconds(o.DeadlineMs)),
		treadle.WithExpiresIn(milliseconds(o.ExpiresMs)),
		treadle.WithAttemptTimeout(milliseconds(o.AttemptTimeoutMs)),
	}
	if o.Priority != nil {
		all = append(all, treadle.WithPriority(*o.Priority))
	}
	if o.DelayMs != nil {
		all = append(all, treadle.WithDelay(milliseconds(*o.DelayMs)))
	}
	if o.Retry != nil {
		all = append(all, treadle.WithRetry(o.Retry.policy()))
	}
	if !o.RunAt.IsZero() {
		all = append(all, treadle.WithRunAt(o.RunAt))
	}
	if o.Queue != "" {
		all = append(all, treadle.WithQueue(o.Queue))
	}
	if o.UniqueWhile != "" {
		all = append(all, treadle.WithUniqueWhile(o.UniqueWhile))
	}
	if o.OnDuplicate != "" {
		all = append(all, treadle.WithOnDuplicate(o.OnDuplicate))
	}
	if o.Traceparent != "" {
		all = append(all, treadle.WithTraceparent(o.Traceparent))
	}
	if o.Sensitive {
		all = append(all, treadle.WithSensitive())
	}
	return all
}
