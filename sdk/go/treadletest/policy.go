package treadletest

import "time"

// policy is a retry policy with the names of the API.
type policy struct {
	Preset        string   `json:"preset"`
	Backoff       string   `json:"backoff"`
	BackoffBaseMs *int64   `json:"backoff_base_ms"`
	BackoffCapMs  *int64   `json:"backoff_cap_ms"`
	DelaysMs      []int64  `json:"delays_ms"`
	MaxAttempts   int      `json:"max_attempts"`
	TotalMs       int64    `json:"total_ms"`
	Never         []string `json:"never"`
	Always        []string `json:"always"`
}

// The server's defaults.
const (
	baseMs          = 500
	capMs           = 60_000
	attempts        = 20
	patientCapMs    = 3_600_000
	patientAttempts = 25
)

func (p *policy) fill() {
	base, most, many := int64(baseMs), int64(capMs), attempts
	if p.Preset == "patient" {
		most, many = patientCapMs, patientAttempts
	}
	if p.BackoffBaseMs == nil {
		p.BackoffBaseMs = &base
	}
	if p.BackoffCapMs == nil {
		p.BackoffCapMs = &most
	}
	if p.MaxAttempts == 0 {
		p.MaxAttempts = many
	}
}

// backoff returns the wait after a failure, counted from 1, without jitter.
func (p *policy) backoff(failure int) time.Duration {
	wait := *p.BackoffBaseMs
	switch p.Backoff {
	case "fixed":
		return time.Duration(wait) * time.Millisecond
	case "listed":
		if failure > len(p.DelaysMs) {
			failure = len(p.DelaysMs)
		}
		return time.Duration(p.DelaysMs[failure-1]) * time.Millisecond
	case "linear":
		wait *= int64(failure)
	default:
		for i := 1; i < failure && wait < *p.BackoffCapMs; i++ {
			wait *= 2
		}
	}
	if wait > *p.BackoffCapMs {
		wait = *p.BackoffCapMs
	}
	return time.Duration(wait) * time.Millisecond
}
