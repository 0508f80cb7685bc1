package wire

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func sumOf(payload string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(payload))) }

func TestAnAnswerIsReadWithAllItHas(t *testing.T) {
	text := `{"leases":[{"token":"1-5.2.1","id":"1-5","queue":"q","type":"t","attempt":2,"max_attempts":20,
		"lease_ms":30000,"timeout_ms":5000,"contract_version":3,"deadline_at":"2026-11-23T20:53:01.250Z",
		"enqueued_at":"2026-11-23T20:53:00.000Z","content_type":"application/json","payload_sha256":"` +
		strings.ToUpper(sumOf(`{"a": "}"}`)) + `","payload":{"a": "}"},"sensitive":true,"traceparent":"00-1","new":[1],
		"steps":[{"name":"one","result":{"x":1}},{"name":"two","result_base64":"AP8=","content_type":"image/png"}],
		"checkpoint":{"bytes":1,"data":7}},
		{"id":"2-6","queue":"q","type":"u","token":"2-6.1.1","content_type":"image/png","payload_base64":"AP8=",
		"payload_sha256":"` + sumOf("\x00\xff") + `"},
		{"token":"1-7.1.1","id":"1-7","content_type":"application/json","payload":1,"payload_sha256":"` + sumOf("2") + `"},
		{"token":"1-8.1.1","id":"1-8","content_type":"text/plain","payload_base64":"*","payload_sha256":"` + sumOf("") + `"}],
		"reports":[{"token":"1-1.1.1","code":"OK","state":"retrying","retry_in_ms":222},
		{"token":"1-2.1.1","code":"LEASE_LOST","detail":"\"gone\""},{"token":"1-3.1.1","code":"OK"}],
		"lost":["1-9.1.1"],"cancelled":[]}`
	answer, err := ParseExchangeAnswer([]byte(text), []*Report{{Token: "1-1.1.1"}, {Token: "1-0.1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := Blob{[]byte("7"), JSON}
	first := &Lease{Token: "1-5.2.1", ID: "1-5", Queue: "q", Type: "t", Attempt: 2, MaxAttempts: 20,
		LeaseTime: 30 * time.Second, Timeout: 5 * time.Second, ContractVersion: 3,
		EnqueuedAt:  time.Date(2026, 11, 23, 20, 53, 0, 0, time.UTC),
		DeadlineAt:  time.Date(2026, 11, 23, 20, 53, 1, 250_000_000, time.UTC),
		Payload:     Blob{[]byte(`{"a": "}"}`), JSON},
		IsSensitive: true, Traceparent: "00-1",
		Steps:      map[string]Blob{"one": {[]byte(`{"x":1}`), JSON}, "two": {[]byte("\x00\xff"), "image/png"}},
		Checkpoint: &checkpoint}
	second := &Lease{Token: "2-6.1.1", ID: "2-6", Queue: "q", Type: "u", Payload: Blob{[]byte("\x00\xff"), "image/png"}}
	if len(answer.Leases) != 4 || !reflect.DeepEqual(answer.Leases[0], first) || !reflect.DeepEqual(answer.Leases[1], second) {
		t.Errorf("%+v %+v", answer.Leases[0], answer.Leases[1])
	}
	if !answer.Leases[2].IsDamaged || !answer.Leases[3].IsDamaged {
		t.Error("a damaged payload was taken")
	}
	in := int64(222)
	if !reflect.DeepEqual(answer.Reports, []ReportAnswer{
		{Token: "1-1.1.1", Code: "OK", State: "retrying", RetryInMs: &in},
		{Token: "1-2.1.1", Code: "LEASE_LOST", Detail: `"gone"`}, {Token: "1-3.1.1", Code: "OK"},
	}) {
		t.Errorf("%+v", answer.Reports)
	}
	if !reflect.DeepEqual(answer.Lost, []string{"1-9.1.1"}) || answer.Cancelled != nil {
		t.Error(answer.Lost, answer.Cancelled)
	}
	for i := 0; i < len(text); i++ {
		if _, err := ParseExchangeAnswer([]byte(text[:i]), nil); err == nil {
			t.Fatalf("the first %d bytes were taken for an answer", i)
		}
	}
}

// A long attempt keeps its own payload in memory, and not those of a whole large answer.
func TestThePayloadsOfALargeAnswerAreCopied(t *testing.T) {
	payload := `"` + strings.Repeat("x", wholeMax) + `"`
	lease := `{"token":"1-1.1.1","id":"1-1","content_type":"application/json","payload_sha256":"` + sumOf(payload) + `","payload":` + payload + `}`
	text := []byte(`{"leases":[` + lease + `]}`)
	answer, err := ParseExchangeAnswer(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		text[i] = 'y'
	}
	if string(answer.Leases[0].Payload.Data) != payload {
		t.Error("the payload is a part of the answer")
	}
}
