package main

import (
	"time"

	"treadle"
)

// options have the names of the API.
type options struct {
	Priority         *int     `json:"priority"`
	DelayMs          *int64   `json:"delay_ms"`
	MaxAttempts      int      `json:"max_attempts"`
	Tags             []string `json:"tags"`
	IdempotencyKey   string   `json:"idempotency_key"`
	DeadlineMs       int64    `json:"deadline_ms"`
	ExpiresMs        int64    `json:"expires_ms"`
	AttemptTimeoutMs int64    `json:"attempt_timeout_ms"`
	Retry            *struct {
		Backoff       string `json:"backoff"`
		BackoffBaseMs int64  `json:"backoff_base_ms"`
		Jitter        string `json:"jitter"`
	} `json:"retry"`
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
		all = append(all, treadle.WithRetry(treadle.RetryPolicy{Backoff: o.Retry.Backoff,
			Base: milliseconds(o.Retry.BackoffBaseMs), Jitter: o.Retry.Jitter}))
	}
	return all
}
