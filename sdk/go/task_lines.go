package treadle

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"treadle/internal/jsonx"
	"treadle/internal/wire"
)

const lineMessageMax = 80 // characters

// taskLines writes a line for each task that ended:
//
//	1-5 resize completed in 31 ms
//	1-6 resize failed (error: no such file), attempt 1 of 20, retrying in 222 ms
type taskLines struct {
	write  func(line string)
	asJSON bool
}

func (l *taskLines) ended(lease *wire.Lease, ending *wire.Ending, took time.Duration, answer *wire.ReportAnswer) {
	if l.asJSON {
		l.write(jsonLine(lease, ending, took, answer, time.Now()))
	} else {
		l.write(humanLine(lease, ending, took, answer))
	}
}

func humanLine(lease *wire.Lease, ending *wire.Ending, took time.Duration, answer *wire.ReportAnswer) string {
	task := lease.ID + " " + printable(lease.Type)
	switch ending.Outcome {
	case wire.Completed:
		return task + " completed in " + shortTime(took)
	case wire.Failed:
		return task + failureText(lease, ending) + whatFollows(answer)
	case wire.Snoozed:
		return task + " snoozed for " + shortTime(*ending.Delay)
	case wire.Discarded:
		return task + " discarded"
	}
	return task + " was stopped after " + shortTime(took) + " and returned without counting the attempt"
}

func failureText(lease *wire.Lease, ending *wire.Ending) string {
	why := ""
	if !lease.IsSensitive {
		why = " (" + printable(ending.Code)
		if line := tellingLine(ending.Message); line != "" {
			why += ": " + shortened(printable(line), lineMessageMax)
		}
		why += ")"
	}
	return fmt.Sprintf(" failed%s, attempt %d of %d", why, lease.Attempt, lease.MaxAttempts)
}

// whatFollows has only these words, whatever the server sent.
func whatFollows(answer *wire.ReportAnswer) string {
	if in, has := answer.RetryIn(); has {
		return ", retrying in " + shortTime(in)
	}
	if answer.State == string(StateDead) || answer.State == string(StateCancelled) {
		return ", " + answer.State
	}
	return ""
}

func jsonLine(lease *wire.Lease, ending *wire.Ending, took time.Duration, answer *wire.ReportAnswer, now time.Time) string {
	out := append([]byte(`{"time":"`), now.UTC().Format("2006-01-02T15:04:05.000Z")...)
	out = jsonx.AppendString(append(out, `","task":`...), lease.ID)
	out = jsonx.AppendString(append(out, `,"type":`...), lease.Type)
	out = append(out, `,"outcome":"`+ending.Outcome+`","ms":`...)
	out = strconv.AppendInt(out, took.Milliseconds(), 10)
	out = strconv.AppendInt(append(out, `,"attempt":`...), int64(lease.Attempt), 10)
	out = strconv.AppendInt(append(out, `,"max_attempts":`...), int64(lease.MaxAttempts), 10)
	if ending.Code != "" && !lease.IsSensitive {
		out = jsonx.AppendString(append(out, `,"code":`...), ending.Code)
		if ending.Message != "" {
			out = jsonx.AppendString(append(out, `,"error":`...), lastBytes(ending.Message, 1000))
		}
	}
	if ending.Outcome == wire.Failed {
		if answer.State != "" {
			out = jsonx.AppendString(append(out, `,"state":`...), answer.State)
		}
		if in, has := answer.RetryIn(); has {
			out = strconv.AppendInt(append(out, `,"retry_in_ms":`...), in.Milliseconds(), 10)
		}
	}
	return string(append(out, '}'))
}

func lastBytes(text string, most int) string {
	if len(text) > most {
		text = text[len(text)-most:]
	}
	for len(text) > 0 && !utf8.RuneStart(text[0]) {
		text = text[1:]
	}
	return text
}

// shortTime returns "31 ms", "4.2 s", "3 min 5 s", "2 h 5 min" or "1 d 3 h": rounded down.
func shortTime(d time.Duration) string {
	ms := d.Milliseconds()
	switch {
	case ms < 1_000:
		return fmt.Sprintf("%d ms", ms)
	case ms >= 86_400_000:
		return twoUnits(ms/3_600_000, 24, "d", "h")
	case ms >= 3_600_000:
		return twoUnits(ms/60_000, 60, "h", "min")
	case ms >= 60_000:
		return twoUnits(ms/1_000, 60, "min", "s")
	case ms/100%10 == 0:
		return fmt.Sprintf("%d s", ms/1_000)
	}
	return fmt.Sprintf("%d.%d s", ms/1_000, ms/100%10)
}

func twoUnits(t, inLarger int64, larger, smaller string) string {
	text := fmt.Sprintf("%d %s", t/inLarger, larger)
	if rest := t % inLarger; rest != 0 {
		text += fmt.Sprintf(" %d %s", rest, smaller)
	}
	return text
}

// tellingLine returns the last line that is not blank.
func tellingLine(message string) string {
	for message != "" {
		begin := strings.LastIndexByte(message, '\n') + 1
		if line := strings.TrimSpace(message[begin:]); line != "" {
			return line
		}
		if begin == 0 {
			break
		}
		message = message[:begin-1]
	}
	return ""
}

func shortened(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// printable returns text on one line, without what moves the cursor, hides words or turns them round.
func printable(text string) string {
	if strings.IndexFunc(text, isHidden) < 0 && utf8.ValidString(text) {
		return text
	}
	var shown strings.Builder
	for i, char := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case char == utf8.RuneError && size == 1:
			fmt.Fprintf(&shown, `\x%02x`, text[i])
		case char <= 0xff && isHidden(char):
			fmt.Fprintf(&shown, `\x%02x`, char)
		case isHidden(char):
			fmt.Fprintf(&shown, `\u%04x`, char)
		default:
			shown.WriteRune(char)
		}
	}
	return shown.String()
}

func isHidden(char rune) bool {
	return unicode.In(char, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
