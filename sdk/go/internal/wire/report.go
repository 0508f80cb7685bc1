package wire

import (
	"strconv"
	"time"

	"treadle/internal/jsonx"
)

// Report is what the server is to learn about a lease.
type Report struct {
	Token string
	JSON  []byte
	// Ended is called once the server has taken the report. It may be nil.
	Ended func(answer *ReportAnswer)
	// IsFallback says that it stands for a report that the server could not take.
	IsFallback bool
	// GoesAlone says that its exchange has no other report, because it may have spoiled one.
	GoesAlone bool
}

// Outcomes of an attempt.
const (
	Completed = "completed"
	Failed    = "failed"
	Released  = "released"
	Snoozed   = "snoozed"
	Discarded = "discarded"
)

// Ending is how an attempt ended.
type Ending struct {
	Outcome string
	Result  Blob // completed
	Code    string
	Message string
	IsFinal bool           // failed: no other attempt
	Delay   *time.Duration // snoozed; failed: instead of the policy's
}

// LogText is a piece of an attempt's log.
type LogText struct {
	Offset int
	Text   string
}

// AppendReport appends the JSON of a report. log may be nil.
func AppendReport(out []byte, token string, ending *Ending, log *LogText) []byte {
	out = jsonx.AppendString(append(out, `{"token":`...), token)
	out = append(out, `,"outcome":"`...)
	out = append(append(out, ending.Outcome...), '"')
	if ending.Outcome == Completed {
		out = ending.Result.AppendFields(append(out, ','), "result")
		if ending.Result.ContentType != JSON || string(ending.Result.Data) != "null" {
			out = appendSHA256(append(out, `,"result_sha256":"`...), ending.Result.Data)
		}
	}
	if ending.Outcome == Failed || ending.Outcome == Discarded {
		out = jsonx.AppendString(append(out, `,"error":{"code":`...), ending.Code)
		out = jsonx.AppendString(append(out, `,"message":`...), ending.Message)
		out = append(out, '}')
	}
	if ending.IsFinal {
		out = append(out, `,"retry":false`...)
	}
	if ending.Delay != nil {
		out = append(out, `,"delay_ms":`...)
		out = strconv.AppendInt(out, ending.Delay.Milliseconds(), 10)
	}
	if log != nil {
		out = log.appendField(append(out, ','))
	}
	return append(out, '}')
}

// NewReport returns the report of an ending without a result.
func NewReport(token string, ending Ending) *Report {
	return &Report{Token: token, JSON: AppendReport(nil, token, &ending, nil)}
}

func (l *LogText) appendField(out []byte) []byte {
	out = append(out, `"log":{"offset":`...)
	out = strconv.AppendInt(out, int64(l.Offset), 10)
	out = jsonx.AppendString(append(out, `,"text":`...), l.Text)
	return append(out, '}')
}
