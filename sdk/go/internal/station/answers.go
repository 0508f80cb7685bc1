package station

import (
	"errors"
	"fmt"
	"sort"
	"time"

	"treadle/internal/status"
	"treadle/internal/wire"
)

func (e *Exchanger) settle(asked *exchange, answer *wire.ExchangeAnswer, err error) {
	e.mutex.Lock()
	for i, other := range e.inFlight {
		if other == asked {
			e.inFlight = append(e.inFlight[:i:i], e.inFlight[i+1:]...)
			break
		}
	}
	if err == nil {
		e.apply(asked, answer)
	} else {
		e.fail(asked, errorOf(err))
	}
	ended := e.ended
	e.ended = nil
	e.mutex.Unlock()
	e.wakeAll()
	for _, each := range ended {
		each.report.Ended(each.answer)
	}
	e.options.Progressed()
}

func errorOf(err error) *status.Error {
	var known *status.Error
	if errors.As(err, &known) {
		return known
	}
	return status.New(status.Unavailable, err.Error())
}

func (e *Exchanger) apply(asked *exchange, answer *wire.ExchangeAnswer) {
	e.quietSince = time.Now()
	if !e.lostSince.IsZero() {
		away := e.quietSince.Sub(e.lostSince).Milliseconds()
		e.options.Log(fmt.Sprintf("the server is back after %d ms", away))
		e.lostSince = time.Time{}
	}
	lost := 0
	if len(answer.Lost) > 0 {
		if lost = e.attempts.Lose(answer.Lost); lost > 0 {
			e.options.Log(fmt.Sprintf("%d lease(s) lost, the first of %s: cancelled here, run again "+
				"elsewhere", lost, answer.Lost[0]))
		}
	}
	if len(answer.Cancelled) > 0 {
		e.attempts.Cancel(answer.Cancelled)
	}
	saysSomething := e.saysSomething(asked, answer, lost)
	isReported := e.applyReports(asked.Reports, answer.Reports)
	if saysSomething {
		e.saidNothing = 0
	}
	if isReported && saysSomething {
		e.backoff.Reset()
	} else {
		e.noteNothing(isReported)
	}
	if len(answer.Leases) > 0 {
		e.attempts.Put(answer.Leases, asked.isRepeated)
		e.renewAt = earlier(e.renewAt, e.quietSince.Add(e.attempts.RenewEvery()))
	}
}

func (e *Exchanger) noteNothing(isReported bool) {
	if isReported {
		if e.saidNothing++; e.saidNothing <= nothingMax {
			return
		}
		if e.saidNothing == nothingMax+1 {
			e.options.Log("the server answers at once that there is nothing, though it was asked to " +
				"wait; asking less often")
		}
	}
	e.retryLater(0)
}

// saysSomething reports whether it makes sense to ask again at once. An answer that a newer exchange
// has ended says nothing either, and is as it should be.
func (e *Exchanger) saysSomething(asked *exchange, answer *wire.ExchangeAnswer, lost int) bool {
	for _, lease := range answer.Leases {
		for _, known := range e.options.Types {
			if lease.Type == known {
				return true
			}
		}
	}
	return lost > 0 || len(asked.Reports) > 0 || asked.isRepeated || asked.Sequence != e.sequence ||
		e.quietSince.Sub(asked.askedAt) >= atOnce
}

// applyReports returns false if some must be sent again.
func (e *Exchanger) applyReports(reports []*wire.Report, answers []wire.ReportAnswer) bool {
	var again, fallbacks []*wire.Report
	for i, report := range reports {
		answer := answerTo(report, i, answers)
		switch {
		case answer == nil || status.MayWorkLater(answer.Code):
			again = append(again, report)
		case answer.Code == "OK":
			if report.Ended != nil {
				e.ended = append(e.ended, endedReport{report, answer})
			}
		case answer.Code == status.InvalidArgument && !report.IsFallback:
			// The server has ended the attempt by now; one before 0.4 leaves it to the worker.
			e.options.Log("the server cannot take the report for " + report.Token + ": " + answer.Detail)
			fallbacks = append(fallbacks, fallback(report.Token, "result_invalid", answer.Detail, true))
		default:
			e.options.Log("the report for " + report.Token + " was refused and is dropped: " +
				answer.Code + " " + answer.Detail)
		}
	}
	e.attempts.PutBack(again)
	e.attempts.PutBack(fallbacks)
	return len(again) == 0
}

func answerTo(report *wire.Report, i int, answers []wire.ReportAnswer) *wire.ReportAnswer {
	if i < len(answers) && answers[i].Token == report.Token {
		return &answers[i]
	}
	for i := range answers {
		if answers[i].Token == report.Token {
			return &answers[i]
		}
	}
	return nil
}

func fallback(token, code, why string, isFinal bool) *wire.Report {
	report := wire.NewReport(token, wire.Ending{Outcome: wire.Failed, Code: code, Message: why, IsFinal: isFinal})
	report.IsFallback = true
	return report
}

// sendApart is for reports that the server refused together: one of them may be why. Each goes alone
// now. One that is refused alone is replaced by the failure of its attempt, and that, at last, is
// dropped: its lease ends by itself.
func (e *Exchanger) sendApart(reports []*wire.Report, why *status.Error) {
	if len(reports) == 1 {
		e.options.Log("the server cannot take the report for " + reports[0].Token + ": " + why.Detail)
		if reports[0].IsFallback {
			return
		}
		reports = []*wire.Report{fallback(reports[0].Token, "report_invalid", why.Detail, false)}
	}
	for _, report := range reports {
		report.GoesAlone = true
	}
	e.attempts.PutBack(reports)
}

func (e *Exchanger) fail(asked *exchange, why *status.Error) {
	isAboutContent := why.Code == status.InvalidArgument || why.Code == status.OutOfRange
	if isAboutContent && len(asked.Reports) > 0 {
		e.renewAt = time.Now() // what it was to renew waits for that
		e.sendApart(asked.Reports, why)
		return
	}
	isNewest := asked.Sequence == e.sequence
	if !isNewest && !status.MayWorkLater(why.Code) && why.Code != status.Cancelled {
		e.attempts.PutBack(asked.Reports) // the server wants no older one any more
		return
	}
	if status.IsRefusal(why.Code) {
		e.failure = why
		e.isStopped = true
		e.unanswered = append(e.unanswered, asked)
		return
	}
	// What is wrong with the answers of a wrong server is news, though the right one was lost before.
	isNews := e.lostSince.IsZero() || why.Code == status.Internal && e.lostCode != why.Code
	if isNews && !e.isStopped {
		if e.lostSince.IsZero() {
			e.lostSince = time.Now()
		}
		e.lostCode = why.Code
		e.options.Log(why.Detail + "; trying again until it answers")
	}
	e.unanswered = append(e.unanswered, asked)
	sort.Slice(e.unanswered, func(i, j int) bool {
		return e.unanswered[i].Sequence < e.unanswered[j].Sequence
	})
	e.retryLater(why.RetryAfter)
}

func (e *Exchanger) retryLater(atLeast time.Duration) {
	now := time.Now()
	if now.Before(e.retryAt) { // both connections broke, for one reason
		return
	}
	pause := e.backoff.Next()
	if atLeast > retryAfterMax {
		atLeast = retryAfterMax
	}
	if atLeast > pause {
		pause = atLeast
	}
	e.retryAt = now.Add(pause)
}
