package treadle

import (
	"context"
	"sync"

	"treadle/internal/station"
)

// attemptContext is the context of a handler. It leads to what surrounds the attempt.
type attemptContext struct {
	context.Context
	attempt *station.Attempt
	task    Task
	runner  *runner

	once sync.Once
	made *station.Session
}

type attemptKey struct{}

// Value returns the attempt for its key.
func (c *attemptContext) Value(key any) any {
	if _, isOurs := key.(attemptKey); isOurs {
		return c
	}
	return c.Context.Value(key)
}

func attemptOf(ctx context.Context) *attemptContext {
	attempt, _ := ctx.Value(attemptKey{}).(*attemptContext)
	return attempt
}

// session is made when it is first needed: most attempts save nothing.
func (c *attemptContext) session() *station.Session {
	c.once.Do(func() { c.made = station.NewSession(c.attempt, c.runner.save) })
	return c.made
}

func sessionOf(ctx context.Context) *station.Session {
	if attempt := attemptOf(ctx); attempt != nil {
		return attempt.session()
	}
	return nil
}
