package wire

import (
	"encoding/json"
	"strconv"

	"treadle/internal/jsonx"
)

// Update is what a running attempt saves and tells.
type Update struct {
	StepName   string
	Step       *Blob
	Checkpoint *Blob
	Progress   *Progress
	Log        *LogText
}

// Progress is how far the work is.
type Progress struct {
	Fraction float64
	Message  string
}

// IsDurable reports whether the update has more than progress and log.
func (u *Update) IsDurable() bool { return u.Step != nil || u.Checkpoint != nil }

// Append appends the JSON of the update.
func (u *Update) Append(out []byte) []byte {
	separator := byte('{')
	next := func() {
		out = append(out, separator)
		separator = ','
	}
	if u.Step != nil {
		next()
		out = jsonx.AppendString(append(out, `"steps":[{"name":`...), u.StepName)
		out = u.Step.AppendFields(append(out, ','), "result")
		out = append(out, "}]"...)
	}
	if u.Checkpoint != nil {
		next()
		out = u.Checkpoint.AppendFields(append(out, `"checkpoint":{`...), "data")
		out = append(out, '}')
	}
	if u.Progress != nil {
		next()
		out = append(out, `"progress":{"fraction":`...)
		out = strconv.AppendFloat(out, u.Progress.Fraction, 'f', -1, 64)
		out = jsonx.AppendString(append(out, `,"message":`...), u.Progress.Message)
		out = append(out, '}')
	}
	if u.Log != nil {
		next()
		out = u.Log.appendField(out)
	}
	return append(out, '}')
}

// ParseUpdateAnswer returns how many bytes of the attempt's log the server keeps.
func ParseUpdateAnswer(text []byte) (logBytes int, err error) {
	var read struct {
		LogBytes int `json:"log_bytes"`
	}
	err = json.Unmarshal(text, &read)
	return read.LogBytes, err
}
