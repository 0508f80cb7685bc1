package jsonx

import (
	"encoding/json"
	"fmt"
	"math/big"
	"testing"
)

func TestWholeNumbersAreWrittenWithDigitsOnly(t *testing.T) {
	for text, wanted := range map[string]string{
		`4.0`:                `4`,
		`-4.00`:              `-4`,
		`1.5e2`:              `150`,
		`1E+3`:               `1000`,
		`1200e-2`:            `12`,
		`0.04e2`:             `4`,
		`-0.0`:               `0`,
		`0e999999999`:        `0e999999999`,
		`9007199254740993.0`: `9007199254740993`,
		`1e19`:               `10000000000000000000`,
		`1e30`:               `1e30`,
		`4.5`:                `4.5`,
		`1e-1`:               `1e-1`,
		`4`:                  `4`,
		`{"4.0": "1.0\"2.0", "b": [1.0,2.5, 3.0]}`: `{"4.0": "1.0\"2.0", "b": [1,2.5, 3]}`,
	} {
		found, isOther := whole([]byte(text))
		if string(found) != wanted || isOther != (text != wanted) {
			t.Errorf("%s: %s, and not %s", text, found, wanted)
		}
	}
}

func TestWritingWholeNumbersChangesNoValue(t *testing.T) {
	for mantissa := 0; mantissa < 2200; mantissa += 7 {
		for exponent := -4; exponent < 5; exponent++ {
			text := fmt.Sprintf("%d.%02de%d", mantissa/100, mantissa%100, exponent)
			before, _ := new(big.Rat).SetString(text)
			written, _ := whole([]byte(text))
			if after, ok := new(big.Rat).SetString(string(written)); !ok || after.Cmp(before) != 0 {
				t.Fatalf("%s became %s", text, written)
			}
			var number int64
			if isWhole := json.Unmarshal(written, &number) == nil; isWhole != before.IsInt() {
				t.Fatalf("%s became %s", text, written)
			}
		}
	}
}

func TestANumberWhoseValueIsWholeIsAnInteger(t *testing.T) {
	var read struct {
		Small int8
		Many  []uint64
		Float float64
		Any   any
	}
	text := `{"Small":1e2,"Many":[4.0,9007199254740993.0],"Float":2.5,"Any":1.5}`
	if err := Decode([]byte(text), &read, "payload"); err != nil {
		t.Fatal(err)
	}
	found := fmt.Sprintf("%v %v %v %v", read.Small, read.Many, read.Float, read.Any)
	if wanted := "100 [4 9007199254740993] 2.5 1.5"; found != wanted {
		t.Errorf("%s, and not %s", found, wanted)
	}
	for _, text := range []string{`4.5`, `300.0`, `1e30`, `"4.0"`, `-1e-9`} {
		var small int8
		if err := Decode([]byte(text), &small, "payload"); err == nil {
			t.Errorf("%s became %d", text, small)
		}
	}
}
