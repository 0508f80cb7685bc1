package wire

import (
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
	Token     string
	Code      string
	Detail    string
	State     string
	RetryInMs *int64 // nil: no other attempt follows
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

// wholeMax is the size of an answer that its payloads may keep in memory together. Those of a larger
// one are copied, so that a long attempt does not keep the payloads of all others.
const wholeMax = 256 << 10

// ParseExchangeAnswer reads an answer to an exchange that had these reports. Payloads may alias text.
func ParseExchangeAnswer(text []byte, reports []*Report) (*ExchangeAnswer, error) {
	answer := &ExchangeAnswer{}
	r := jsonx.NewReader(text)
	for r.Object(); r.More(); {
		switch string(r.Name()) {
		case "leases":
			answer.Leases = readLeases(r, len(text) > wholeMax)
		case "reports":
			answer.Reports = readReportAnswers(r, reports)
		case "lost":
			answer.Lost = readTexts(r)
		case "cancelled":
			answer.Cancelled = readTexts(r)
		default:
			r.Skip()
		}
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	return answer, nil
}

func readTexts(r *jsonx.Reader) (texts []string) {
	for r.Array(); r.More(); {
		texts = append(texts, r.String())
	}
	return texts
}

func readReportAnswers(r *jsonx.Reader, reports []*Report) []ReportAnswer {
	answers := make([]ReportAnswer, 0, len(reports))
	for r.Array(); r.More(); {
		token := ""
		if len(answers) < len(reports) {
			token = reports[len(answers)].Token
		}
		answers = append(answers, readReportAnswer(r, token))
	}
	return answers
}

// Answers come in the order of the reports, so the token is most likely that.
func readReportAnswer(r *jsonx.Reader, token string) (answer ReportAnswer) {
	for r.Object(); r.More(); {
		switch string(r.Name()) {
		case "token":
			answer.Token = r.StringLike(token)
		case "code":
			answer.Code = r.StringLike("OK")
		case "detail":
			answer.Detail = r.String()
		case "state":
			answer.State = r.String()
		case "retry_in_ms":
			in := r.Int()
			answer.RetryInMs = &in
		default:
			r.Skip()
		}
	}
	return answer
}
