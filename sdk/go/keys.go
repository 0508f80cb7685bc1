package treadle

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"sync/atomic"
	"time"
)

const keyWindowMin = time.Minute

// keyMaker makes idempotency keys that nobody else makes, and that the server soon forgets. They make
// an enqueue repeatable.
type keyMaker struct {
	prefix string
	window string
	number uint64
}

func newKeyMaker(timeout time.Duration) *keyMaker {
	var random [12]byte
	if _, err := rand.Read(random[:]); err != nil {
		panic(err) // no system that this runs on is without it
	}
	window := 2 * timeout
	if window < keyWindowMin {
		window = keyWindowMin
	}
	return &keyMaker{
		prefix: `,"idempotency_key":"treadle-go-` + hex.EncodeToString(random[:]) + "-",
		window: `","idempotency_window_ms":` + strconv.FormatInt(window.Milliseconds(), 10),
	}
}

func (k *keyMaker) append(out []byte) []byte {
	out = append(out, k.prefix...)
	out = strconv.AppendUint(out, atomic.AddUint64(&k.number, 1), 10)
	return append(out, k.window...)
}
