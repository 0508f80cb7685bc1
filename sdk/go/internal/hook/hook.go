// Package hook lets treadletest, which programs import, reach what package treadle does not show.
package hook

import (
	"context"

	"treadle/internal/http1"
	"treadle/internal/station"
	"treadle/internal/wire"
)

// Call answers requests in place of a server.
type Call func(ctx context.Context, request http1.Request) (http1.Answer, error)

// Set by package treadle.
var (
	// NewClient returns a *treadle.Client whose requests call answers.
	NewClient func(call Call) any
	// Handles reports whether a *treadle.Worker has a handler for a type.
	Handles func(worker any, taskType string) bool
	// Run runs an attempt by a *treadle.Worker's handler and returns the report.
	Run func(worker, client any, attempt *station.Attempt, save station.Save) *wire.Report
)
