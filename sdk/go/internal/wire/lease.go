package wire

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"treadle/internal/jsonx"
)

// Lease is the right to run one attempt.
type Lease struct {
	Token           string
	ID              string
	Queue           string
	Type            string
	Attempt         int
	MaxAttempts     int
	LeaseTime       time.Duration
	Timeout         time.Duration // from its arrival until the server revokes it; 0: nothing limits it
	ContractVersion int64         // 0: the type has no contract
	EnqueuedAt      time.Time
	DeadlineAt      time.Time // of the task; zero: it has none
	Payload         Blob
	IsDamaged       bool // the payload does not have its SHA-256
	IsSensitive     bool
	Traceparent     string // empty: the producer sent none
	Steps           map[string]Blob
	Checkpoint      *Blob
}

type stepJSON struct {
	Name         string          `json:"name"`
	Result       json.RawMessage `json:"result"`
	ResultBase64 []byte          `json:"result_base64"`
	ContentType  string          `json:"content_type"`
}

type savedJSON struct {
	Data        json.RawMessage `json:"data"`
	DataBase64  []byte          `json:"data_base64"`
	ContentType string          `json:"content_type"`
}

// leasesAtOnce is for how many leases memory is taken at a time: a long attempt keeps that of a few
// others.
const leasesAtOnce = 16

func readLeases(r *jsonx.Reader, areCopied bool) (leases []*Lease) {
	var several []Lease
	before := &Lease{}
	for r.Array(); r.More(); {
		if len(several) == cap(several) {
			several = make([]Lease, 0, leasesAtOnce)
		}
		several = append(several, Lease{})
		lease := &several[len(several)-1]
		lease.read(r, before)
		if areCopied {
			lease.Payload.Data = append([]byte{}, lease.Payload.Data...)
		}
		leases = append(leases, lease)
		before = lease
	}
	return leases
}

// read reads one lease. Most have the queue and the type of the one before.
func (l *Lease) read(r *jsonx.Reader, before *Lease) {
	var text, encoded, sum []byte
	contentType := ""
	for r.Object(); r.More(); {
		switch string(r.Name()) {
		case "token":
			l.Token = r.String()
		case "id":
			l.ID = readIDOf(r, l.Token)
		case "queue":
			l.Queue = r.StringLike(before.Queue)
		case "type":
			l.Type = r.StringLike(before.Type)
		case "attempt":
			l.Attempt = int(r.Int())
		case "max_attempts":
			l.MaxAttempts = int(r.Int())
		case "lease_ms":
			l.LeaseTime = milliseconds(r.Int())
		case "timeout_ms":
			l.Timeout = milliseconds(r.Int())
		case "contract_version":
			l.ContractVersion = r.Int()
		case "enqueued_at":
			l.EnqueuedAt = r.Time()
		case "deadline_at":
			l.DeadlineAt = r.Time()
		case "content_type":
			contentType = r.StringLike(JSON)
		case "payload_sha256":
			sum = r.Text()
		case "payload":
			text = r.Raw()
		case "payload_base64":
			encoded = r.Text()
		case "sensitive":
			l.IsSensitive = r.Bool()
		case "traceparent":
			l.Traceparent = r.String()
		case "steps":
			l.readSteps(r)
		case "checkpoint":
			l.readCheckpoint(r)
		default:
			r.Skip()
		}
	}
	if encoded != nil {
		text = make([]byte, base64.StdEncoding.DecodedLen(len(encoded)))
		size, err := base64.StdEncoding.Decode(text, encoded)
		text, l.IsDamaged = text[:size], err != nil
		l.Payload = Blob{Data: text, ContentType: contentType}
	} else {
		l.Payload = blobOf(text, nil, contentType)
	}
	l.IsDamaged = l.IsDamaged || !HasSHA256(l.Payload.Data, sum)
}

// readIDOf takes the ID from the token, which begins with it, if that has come before.
func readIDOf(r *jsonx.Reader, token string) string {
	id, _, _ := strings.Cut(token, ".")
	return r.StringLike(id)
}

func (l *Lease) readSteps(r *jsonx.Reader) {
	var steps []stepJSON
	if r.Into(&steps); len(steps) == 0 {
		return
	}
	l.Steps = make(map[string]Blob, len(steps))
	for _, step := range steps {
		l.Steps[step.Name] = blobOf(step.Result, step.ResultBase64, step.ContentType)
	}
}

func (l *Lease) readCheckpoint(r *jsonx.Reader) {
	var saved *savedJSON
	if r.Into(&saved); saved == nil {
		return
	}
	blob := blobOf(saved.Data, saved.DataBase64, saved.ContentType)
	l.Checkpoint = &blob
}

// HasSHA256 reports whether data has a SHA-256, written as hexadecimal digits.
func HasSHA256(data, wanted []byte) bool {
	sum := sha256.Sum256(data)
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], sum[:])
	return string(text[:]) == string(wanted) || strings.EqualFold(string(text[:]), string(wanted))
}

// appendSHA256 appends the digits and a quote.
func appendSHA256(out, data []byte) []byte {
	sum := sha256.Sum256(data)
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], sum[:])
	return append(append(out, text[:]...), '"')
}

// milliseconds returns at most a year, longer than any limit of the server means.
func milliseconds(ms int64) time.Duration {
	const year = 365 * 24 * 3600 * 1000
	if ms > year {
		ms = year
	}
	return time.Duration(ms) * time.Millisecond
}
