package wire

import (
	"encoding/json"
	"strconv"
	"time"

	"treadle/internal/jsonx"
)

// Exchange is one call of a worker.
type Exchange struct {
	Sequence uint64
	Answered uint64
	Want     int
	WaitMs   int64
	Renew    []string
	Reports  []*Report
	Goodbye  bool
	Reason   string
}

// ExchangeWriter writes exchanges of one worker. Not for several goroutines at once.
type ExchangeWriter struct {
	prefix []byte
	asks   []byte
}

// NewExchangeWriter returns the writer for a worker of some types in some queues.
func NewExchangeWriter(worker, incarnation, build string, queues, types []string) *ExchangeWriter {
	prefix := jsonx.AppendString([]byte(`{"worker":`), worker)
	prefix = append(prefix, `,"incarnation":"`+incarnation+`"`...)
	if build != "" {
		prefix = jsonx.AppendString(append(prefix, `,"build":`...), build)
	}
	asks := appendTexts([]byte(`,"queues":`), queues)
	asks = appendTexts(append(asks, `,"types":`...), types)
	return &ExchangeWriter{prefix: append(prefix, `,"sequence":`...), asks: asks}
}

// Append appends the JSON of an exchange.
func (w *ExchangeWriter) Append(out []byte, exchange *Exchange) []byte {
	out = append(out, w.prefix...)
	out = strconv.AppendUint(out, exchange.Sequence, 10)
	out = append(out, `,"answered":`...)
	out = strconv.AppendUint(out, exchange.Answered, 10)
	out = append(out, w.asks...)
	out = append(out, `,"want":`...)
	out = strconv.AppendInt(out, int64(exchange.Want), 10)
	out = append(out, `,"wait_ms":`...)
	out = strconv.AppendInt(out, exchange.WaitMs, 10)
	if len(exchange.Renew) > 0 {
		out = appendTexts(append(out, `,"renew":`...), exchange.Renew)
	}
	if len(exchange.Reports) > 0 {
		out = append(out, `,"reports":[`...)
		for i, report := range exchange.Reports {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(out, report.JSON...)
		}
		out = append(out, ']')
	}
	if exchange.Goodbye {
		out = append(out, `,"goodbye":true`...)
		if exchange.Reason != "" {
			out = jsonx.AppendString(append(out, `,"reason":`...), exchange.Reason)
		}
	}
	return append(out, '}')
}

func appendTexts(out []byte, texts []string) []byte {
	out = append(out, '[')
	for i, text := range texts {
		if i > 0 {
			out = append(out, ',')
		}
		out = jsonx.AppendString(out, text)
	}
	return append(out, ']')
}

// ReportAnswer is what became of one report.
type ReportAnswer struct {
	Token     string `json:"token"`
	Code      string `json:"code"`
	Detail    string `json:"detail"`
	State     string `json:"state"`
	RetryInMs *int64 `json:"retry_in_ms"`
}

// RetryIn returns the time until the next attempt, and false if there is none.
func (a *ReportAnswer) RetryIn() (time.Duration, bool) {
	if a.RetryInMs == nil {
		return 0, false
	}
	return milliseconds(*a.RetryInMs), true
}

// ExchangeAnswer is what the server says to an exchange.
type ExchangeAnswer struct {
	Leases    []*Lease
	Reports   []ReportAnswer
	Lost      []string
	Cancelled []string
}

// ParseExchangeAnswer reads an answer.
func ParseExchangeAnswer(text []byte) (*ExchangeAnswer, error) {
	var read struct {
		Leases    []leaseJSON    `json:"leases"`
		Reports   []ReportAnswer `json:"reports"`
		Lost      []string       `json:"lost"`
		Cancelled []string       `json:"cancelled"`
	}
	if err := json.Unmarshal(text, &read); err != nil {
		return nil, err
	}
	answer := &ExchangeAnswer{Reports: read.Reports, Lost: read.Lost, Cancelled: read.Cancelled}
	if len(read.Leases) > 0 {
		answer.Leases = make([]*Lease, len(read.Leases))
		for i := range read.Leases {
			answer.Leases[i] = read.Leases[i].lease()
		}
	}
	return answer, nil
}
