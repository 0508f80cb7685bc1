package treadle

import "time"

// Option says how a task is to run. What no option says is left to the task's type and queue.
type Option func(*taskOptions)

type taskOptions struct {
	queue           string
	priority        *int
	maxAttempts     int
	contractVersion int64
	tags            []string
	delay           *time.Duration
	runAt           time.Time
	expiresIn       time.Duration
	expiresAt       time.Time
	deadlineIn      time.Duration
	deadlineAt      time.Time
	attemptTimeout  time.Duration
	retry           *RetryPolicy
	key             string
	keyWindow       time.Duration
	uniqueWhile     string
	onDuplicate     string
	isSensitive     bool
	traceparent     string
}

// WithQueue names the queue. Default: "default".
func WithQueue(queue string) Option { return func(o *taskOptions) { o.queue = queue } }

// WithPriority is from 0 to 9; 9 goes first. Default: 5.
func WithPriority(priority int) Option { return func(o *taskOptions) { o.priority = &priority } }

// WithMaxAttempts bounds the attempts. Default: that of the retry policy in force.
func WithMaxAttempts(attempts int) Option { return func(o *taskOptions) { o.maxAttempts = attempts } }

// WithRetry gives the task a retry policy of its own.
func WithRetry(policy RetryPolicy) Option { return func(o *taskOptions) { o.retry = &policy } }

// WithDelay has the task begin after so long. It takes the place of WithRunAt.
func WithDelay(delay time.Duration) Option {
	return func(o *taskOptions) { o.delay, o.runAt = &delay, time.Time{} }
}

// WithRunAt has the task not begin before a time. It takes the place of WithDelay.
func WithRunAt(at time.Time) Option {
	return func(o *taskOptions) { o.delay, o.runAt = nil, at }
}

// WithExpiresIn has the task expire if it did not begin within so long.
func WithExpiresIn(d time.Duration) Option {
	return func(o *taskOptions) { o.expiresIn, o.expiresAt = d, time.Time{} }
}

// WithExpiresAt has the task expire if it did not begin by a time.
func WithExpiresAt(at time.Time) Option {
	return func(o *taskOptions) { o.expiresIn, o.expiresAt = 0, at }
}

// WithDeadlineIn has the task be dead if it did not end within so long, with all its attempts.
func WithDeadlineIn(d time.Duration) Option {
	return func(o *taskOptions) { o.deadlineIn, o.deadlineAt = d, time.Time{} }
}

// WithDeadlineAt has the task be dead if it did not end by a time.
func WithDeadlineAt(at time.Time) Option {
	return func(o *taskOptions) { o.deadlineIn, o.deadlineAt = 0, at }
}

// WithAttemptTimeout bounds each attempt. Default: that of the task's type or queue.
func WithAttemptTimeout(d time.Duration) Option {
	return func(o *taskOptions) { o.attemptTimeout = d }
}

// WithKey is an idempotency key: its queue takes one task with it in 24 h.
func WithKey(key string) Option { return func(o *taskOptions) { o.key = key } }

// WithKeyWindow is for how long the key admits no other task. Default: that of the queue.
func WithKeyWindow(d time.Duration) Option { return func(o *taskOptions) { o.keyWindow = d } }

// WithUniqueWhile has the key hold as long as the task is "waiting", "running" or not "done", instead
// of for a window.
func WithUniqueWhile(phase string) Option { return func(o *taskOptions) { o.uniqueWhile = phase } }

// WithOnDuplicate says what happens when the key is taken: "return" (the default), "refuse" or
// "replace".
func WithOnDuplicate(action string) Option { return func(o *taskOptions) { o.onDuplicate = action } }

// WithTags are for people, to find the task by. At most 32.
func WithTags(tags ...string) Option { return func(o *taskOptions) { o.tags = tags } }

// WithContractVersion names the version of the type's contract that the payload must fit.
func WithContractVersion(version int64) Option {
	return func(o *taskOptions) { o.contractVersion = version }
}

// WithSensitive keeps payload, result, messages and log out of lists, histories and workers' logs.
func WithSensitive() Option { return func(o *taskOptions) { o.isSensitive = true } }

// WithTraceparent hands this W3C trace context to the worker, instead of that of the context.
func WithTraceparent(traceparent string) Option {
	return func(o *taskOptions) { o.traceparent = traceparent }
}

// RetryPolicy says whether and when a failed attempt is followed by another. What is zero is the
// default, whatever the task's type and queue have.
type RetryPolicy struct {
	Preset      string          // "default" or "patient": the values to begin with
	Backoff     string          // "exponential", "linear", "fixed" or "listed"
	Jitter      string          // "none", "full" or "equal"
	Base        time.Duration   // the first wait
	Cap         time.Duration   // of exponential and linear waits
	Delays      []time.Duration // of "listed": one wait after the other
	MaxAttempts int
	Total       time.Duration // no attempt begins later than this after the first failure
	Never       []string      // error codes that end the task
	Always      []string      // error codes that retry, whatever the handler said
}
