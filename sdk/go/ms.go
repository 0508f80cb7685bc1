package treadle

import (
	"strconv"
	"time"

	"treadle/internal/jsonx"
)

// ms is a duration that JSON has in milliseconds.
type ms time.Duration

func unlessZero(d time.Duration) *ms {
	if d == 0 {
		return nil
	}
	return (*ms)(&d)
}

func (m *ms) orZero() time.Duration {
	if m == nil {
		return 0
	}
	return time.Duration(*m)
}

// MarshalJSON rounds up.
func (m ms) MarshalJSON() ([]byte, error) {
	return strconv.AppendInt(nil, roundedUp(time.Duration(m)), 10), nil
}

// UnmarshalJSON returns at most what a Duration can hold, 292 years.
func (m *ms) UnmarshalJSON(text []byte) error {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	r := jsonx.NewReader(text)
	read := r.Int()
	if read > most {
		read = most
	}
	*m = ms(time.Duration(read) * time.Millisecond)
	return r.End()
}
