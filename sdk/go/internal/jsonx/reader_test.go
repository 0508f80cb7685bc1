package jsonx

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// read returns a document as encoding/json would with UseNumber.
func read(r *Reader) any {
	switch r.peek() {
	case '{':
		object := map[string]any{}
		for r.Object(); r.More(); {
			name := string(r.Name())
			object[name] = read(r)
		}
		return object
	case '[':
		array := []any{}
		for r.Array(); r.More(); {
			array = append(array, read(r))
		}
		return array
	case '"':
		return r.String()
	case 't', 'f':
		return r.Bool()
	case 'n':
		r.Skip()
		return nil
	}
	return json.Number(r.Raw())
}

var documents = []string{
	`{}`, `[]`, `null`, ` [ ] `, `{"a":1}`, `{"a":{"b":[1,2,{"c":null}]},"d":[]}`, `[[],[[]],{}]`,
	`"\\"`, `"\\\""`, `{"a\nb":"\u00e4\ud83d\ude00\\"}`, `["ä😀","` + strings.Repeat("x", 40) + `\""]`,
	"{\"\xf6\":[]}", ` { "a" : [ 1 , -2.5e3 , true , false , null ] , "b" : "" } `, `["]","}",",",":","{"]`,
}

func TestAReaderReadsWhatEncodingJSONReads(t *testing.T) {
	for _, text := range documents {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		var wanted any
		if err := decoder.Decode(&wanted); err != nil {
			t.Fatal(text, err)
		}
		r := NewReader([]byte(text))
		got := read(r)
		if err := r.End(); err != nil || !reflect.DeepEqual(got, wanted) {
			t.Errorf("%s: %v, %v instead of %v", text, err, got, wanted)
		}
		skipping := NewReader([]byte(text))
		if skipping.Skip(); skipping.End() != nil {
			t.Error(text, skipping.Err())
		}
	}
}

// What is cut off, or has a byte too many, must end with an error and never in a loop or beyond the end.
func TestAReaderRefusesWhatIsNoWholeDocument(t *testing.T) {
	for _, text := range documents {
		for i := 0; i < len(strings.TrimSpace(text)); i++ {
			for _, broken := range []string{text[:i], text + "]", text + text[:1] + "x"} {
				if json.Valid([]byte(broken)) {
					continue
				}
				r := NewReader([]byte(broken))
				if read(r); r.End() == nil {
					t.Errorf("%q was taken", broken)
				}
				skipping := NewReader([]byte(broken))
				if skipping.Skip(); skipping.End() == nil {
					t.Errorf("%q was passed", broken)
				}
			}
		}
	}
	for _, text := range []string{`{"a" 1}`, `[1 2]`, `[1}`, `{"a":1]`, `{1:2}`, `[,]`, `nul`, strings.Repeat("[", 1000)} {
		r := NewReader([]byte(text))
		if read(r); r.End() == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestAReaderReadsNumbersTimesAndNulls(t *testing.T) {
	for text, wanted := range map[string]int64{"0": 0, "160": 160, "160.0": 160, "1.6e2": 160, "-7": -7,
		"9223372036854775807": 9223372036854775807, "null": 0} {
		r := NewReader([]byte(text))
		if got := r.Int(); got != wanted || r.End() != nil {
			t.Error(text, got, r.Err())
		}
	}
	for _, text := range []string{"1.5", "x", `"1"`, "1e99", "{}"} {
		r := NewReader([]byte(text))
		if r.Int(); r.End() == nil {
			t.Errorf("%s was taken for a whole number", text)
		}
	}
	for _, text := range []string{"2026-11-23T20:53:01.250Z", "2026-12-31T23:59:59.999Z", "2024-02-29T00:00:00.000Z",
		"2026-11-23T20:53:01Z", "2026-11-23T21:53:01.25+01:00"} {
		wanted, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		r := NewReader([]byte(fmt.Sprintf("%q", text)))
		if got := r.Time(); !got.Equal(wanted) || r.End() != nil {
			t.Error(text, got, r.Err())
		}
	}
	for _, text := range []string{"2026-02-30T00:00:00.000Z", "2026-13-01T00:00:00.000Z", "2026-11-23 20:53:01.250Z"} {
		r := NewReader([]byte(fmt.Sprintf("%q", text)))
		if r.Time(); r.End() == nil {
			t.Errorf("%s was taken for a time", text)
		}
	}
	r := NewReader([]byte(`{"o":null,"a":null,"s":null,"b":null,"t":null}`))
	for r.Object(); r.More(); {
		switch string(r.Name()) {
		case "o":
			for r.Object(); r.More(); {
				t.Error("null has fields")
			}
		case "a":
			for r.Array(); r.More(); {
				t.Error("null has elements")
			}
		case "s":
			_ = r.String()
		case "b":
			r.Bool()
		case "t":
			r.Time()
		}
	}
	if err := r.End(); err != nil {
		t.Error(err)
	}
}

func TestTextIsEscapedAsEncodingJSONWouldReadIt(t *testing.T) {
	for length := 0; length < 20; length++ {
		plain := strings.Repeat("x", length)
		for at := 0; at <= length; at++ {
			for _, char := range []string{"\x00", "\x1f", " ", "!", `"`, "#", "[", `\`, "]", "~", "\x7f", "ä", "😀", "\xff", "\n"} {
				text := plain[:at] + char + plain[at:]
				var back string
				if err := json.Unmarshal(AppendString(nil, text), &back); err != nil || back != strings.ToValidUTF8(text, "\ufffd") {
					t.Fatalf("%q became %q (%v)", text, back, err)
				}
			}
		}
	}
}

// Whatever arrives, a reader ends, stays within it, and reads valid documents as encoding/json does.
func FuzzReader(f *testing.F) {
	for _, text := range documents {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, skipping := NewReader(text), NewReader(text)
		got := read(r)
		skipping.Skip()
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		var wanted any
		if !json.Valid(text) || decoder.Decode(&wanted) != nil {
			return
		}
		if errors.Is(r.End(), errDepth) {
			return
		}
		if r.End() != nil || skipping.End() != nil || !reflect.DeepEqual(got, wanted) {
			t.Errorf("%q: %v and %v, %v instead of %v", text, r.Err(), skipping.Err(), got, wanted)
		}
	})
}
