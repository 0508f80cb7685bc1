package status

import "time"

// Backoff says how long to wait before a lost server is asked again: 100 ms, doubling up to 5 s, of
// which up to half is taken off by chance so that callers do not return all at once. Not for several
// goroutines.
type Backoff struct{ ceiling time.Duration }

// Next returns the next wait.
func (b *Backoff) Next() time.Duration {
	full := b.ceiling
	if full == 0 {
		full = 100 * time.Millisecond
	}
	b.ceiling = 2 * full
	if b.ceiling > 5*time.Second {
		b.ceiling = 5 * time.Second
	}
	// The clock's nanoseconds are chance enough.
	return full - time.Duration(time.Now().UnixNano()%int64(full/2))
}

// Reset begins with 100 ms again.
func (b *Backoff) Reset() { b.ceiling = 0 }
