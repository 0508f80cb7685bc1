package jsonx

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"
)

// Reader reads one JSON document from front to back, in one pass and without reflection. It serves
// the answers of the server, of which a worker reads thousands of values a second: encoding/json
// reads everything twice and looks up each field by reflection.
//
//	r := jsonx.NewReader(text)
//	for r.Object(); r.More(); {
//		switch name := r.Name(); string(name) {
//		case "id":
//			id = r.String()
//		default:
//			r.Skip()
//		}
//	}
//	err := r.End()
//
// The first error stays; after it, More returns false and values are zero. Null is the zero value of
// any kind. What Raw returns and Skip passes is only measured: strings end, and brackets match in
// number. Its bytes alias the document.
type Reader struct {
	text    []byte
	at      int
	ends    []byte // of the objects and arrays that are being read, the innermost last
	isFirst bool   // no element of the innermost was read yet
	isEmpty bool   // the innermost is a null
	err     error
}

var (
	errEnd    = errors.New("the JSON ends too early")
	errDepth  = errors.New("the JSON is nested too deeply")
	errSyntax = errors.New("the JSON is malformed")
)

const readerDepthMax = 100

// NewReader returns a reader of a document.
func NewReader(text []byte) *Reader { return &Reader{text: text} }

func (r *Reader) fail(err error) {
	if r.err == nil {
		r.err = err
		r.at = len(r.text)
	}
}

// peek returns the next byte that is no space; 0 at the end.
func (r *Reader) peek() byte {
	for ; r.at < len(r.text); r.at++ {
		switch char := r.text[r.at]; char {
		case ' ', '\n', '\t', '\r':
		default:
			return char
		}
	}
	return 0
}

// take passes a byte, or fails.
func (r *Reader) take(wanted byte) bool {
	if r.peek() != wanted {
		if r.at == len(r.text) {
			r.fail(errEnd)
		} else {
			r.fail(errSyntax)
		}
		return false
	}
	r.at++
	return true
}

func (r *Reader) isNull() bool {
	if r.peek() != 'n' {
		return false
	}
	if !bytes.HasPrefix(r.text[r.at:], []byte("null")) {
		r.fail(errSyntax)
		return false
	}
	r.at += len("null")
	return true
}

// Object begins to read an object. More then says whether it has another field.
func (r *Reader) Object() { r.begin('{', '}') }

// Array begins to read an array. More then says whether it has another element.
func (r *Reader) Array() { r.begin('[', ']') }

// A null is an empty object or array.
func (r *Reader) begin(open, end byte) {
	if r.isEmpty = r.isNull(); r.isEmpty {
		return
	}
	if len(r.ends) == readerDepthMax {
		r.fail(errDepth)
		return
	}
	r.take(open)
	r.ends = append(r.ends, end)
	r.isFirst = true
}

// More returns whether the object or array has more, and passes its end if it has not.
func (r *Reader) More() bool {
	if r.isEmpty || r.err != nil {
		r.isEmpty = false
		return false
	}
	isFirst := r.isFirst
	r.isFirst = false
	if innermost := len(r.ends) - 1; r.peek() == r.ends[innermost] {
		r.at++
		r.ends = r.ends[:innermost]
		return false
	}
	return isFirst || r.take(',')
}

// Name returns the name of the next field; its value comes next. It is valid as long as the document.
func (r *Reader) Name() []byte {
	if r.peek() == '"' {
		for end := r.at + 1; end < len(r.text) && r.text[end] != '\\' && r.text[end] < utf8.RuneSelf; end++ {
			if r.text[end] == '"' {
				name := r.text[r.at+1 : end]
				r.at = end + 1
				r.take(':')
				return name
			}
		}
	}
	name := r.unquoted(r.literal())
	r.take(':')
	return name
}

// literal returns a string with its quotes.
func (r *Reader) literal() []byte {
	if r.peek() != '"' {
		r.take('"')
		return nil
	}
	begin := r.at
	r.at++
	for {
		end := bytes.IndexByte(r.text[r.at:], '"')
		if end < 0 {
			r.fail(errEnd)
			return nil
		}
		r.at += end + 1
		if !isEscaped(r.text[begin:r.at]) {
			return r.text[begin:r.at]
		}
	}
}

// isEscaped reports whether the quote at the end has an odd number of backslashes before it.
func isEscaped(text []byte) bool {
	backslashes := 0
	for i := len(text) - 2; i > 0 && text[i] == '\\'; i-- {
		backslashes++
	}
	return backslashes%2 == 1
}

// Text returns the bytes of a string. They alias the document, unless the string has escapes.
func (r *Reader) Text() []byte {
	if r.isNull() {
		return nil
	}
	return r.unquoted(r.literal())
}

func (r *Reader) unquoted(literal []byte) []byte {
	if literal == nil {
		return nil
	}
	if text, isPlain := Plain(literal); isPlain {
		return text
	}
	var text string
	if err := json.Unmarshal(literal, &text); err != nil {
		r.fail(err)
	}
	return []byte(text)
}

// Plain returns what is between the quotes of a JSON string, and false if that is not its text:
// it has escapes, or is not UTF-8, or is malformed.
func Plain(literal []byte) ([]byte, bool) {
	if len(literal) < 2 || literal[0] != '"' || literal[len(literal)-1] != '"' {
		return nil, false
	}
	text := literal[1 : len(literal)-1]
	if isPlainASCII(text) {
		return text, true
	}
	for _, char := range text {
		if char < ' ' || char == '"' || char == '\\' {
			return nil, false
		}
	}
	return text, utf8.Valid(text)
}

// String returns a string.
func (r *Reader) String() string { return string(r.Text()) }

// StringLike returns a string, and the same one as known if they are equal: that costs no memory.
func (r *Reader) StringLike(known string) string {
	text := r.Text()
	if string(text) == known {
		return known
	}
	return string(text)
}

// Int returns a whole number. It may have a point or an exponent.
func (r *Reader) Int() int64 {
	if r.isNull() {
		return 0
	}
	begin := r.at
	r.skipScalar()
	digits := r.text[begin:r.at]
	if number, isPlain := plainInt(digits); isPlain {
		return number
	}
	number, err := strconv.ParseInt(string(digits), 10, 64)
	if err == nil {
		return number
	}
	real, err := strconv.ParseFloat(string(digits), 64)
	if err != nil || real != float64(int64(real)) {
		r.fail(errSyntax)
		return 0
	}
	return int64(real)
}

func plainInt(digits []byte) (number int64, isPlain bool) {
	const digitsMax = 18
	if len(digits) == 0 || len(digits) > digitsMax {
		return 0, false
	}
	for _, char := range digits {
		if char < '0' || char > '9' {
			return 0, false
		}
		number = number*10 + int64(char-'0')
	}
	return number, true
}

// Bool returns true or false.
func (r *Reader) Bool() bool {
	if r.isNull() {
		return false
	}
	begin := r.at
	r.skipScalar()
	switch string(r.text[begin:r.at]) {
	case "true":
		return true
	case "false":
	default:
		r.fail(errSyntax)
	}
	return false
}

// Time returns a time of RFC 3339.
func (r *Reader) Time() time.Time {
	text := r.Text()
	if len(text) == 0 {
		return time.Time{}
	}
	if at, isPlain := plainTime(text); isPlain {
		return at
	}
	at, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		r.fail(err)
	}
	return at
}

// plainTime reads "2026-11-23T20:53:01.250Z", the form that the server writes.
func plainTime(text []byte) (time.Time, bool) {
	const form = "0000-00-00T00:00:00.000Z"
	if len(text) != len(form) {
		return time.Time{}, false
	}
	for i, char := range text {
		isDigit := char >= '0' && char <= '9'
		if form[i] == '0' != isDigit || !isDigit && form[i] != char {
			return time.Time{}, false
		}
	}
	number := func(begin, end int) int {
		value, _ := plainInt(text[begin:end])
		return int(value)
	}
	month, day, hour, minute, second := number(5, 7), number(8, 10), number(11, 13), number(14, 16), number(17, 19)
	days := 30
	if month == 2 {
		days = 28
	}
	if month < 1 || month > 12 || day < 1 || day > days || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false // it may be wrong: let time.Parse see to it
	}
	return time.Date(number(0, 4), time.Month(month), day, hour, minute, second, number(20, 23)*1e6, time.UTC), true
}

// Raw returns the text of a value of any kind. It aliases the document.
func (r *Reader) Raw() []byte {
	r.peek()
	begin := r.at
	r.Skip()
	if r.err != nil {
		return nil
	}
	return r.text[begin:r.at:r.at]
}

// Into reads a value by reflection, for what is rare.
func (r *Reader) Into(target any) {
	raw := r.Raw()
	if r.err == nil {
		if err := json.Unmarshal(raw, target); err != nil {
			r.fail(err)
		}
	}
}

// Skip passes a value of any kind.
func (r *Reader) Skip() {
	switch r.peek() {
	case '"':
		r.literal()
	case '{', '[':
		r.skipNested()
	default:
		r.skipScalar()
	}
}

func (r *Reader) skipNested() {
	for depth := 0; ; {
		switch r.peek() {
		case 0:
			r.fail(errEnd)
			return
		case '"':
			r.literal()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		r.at++
		if depth == 0 {
			return
		}
	}
}

// skipScalar passes a number, true, false or null.
func (r *Reader) skipScalar() {
	begin := r.at
	for r.at < len(r.text) && !isAfterScalar(r.text[r.at]) {
		r.at++
	}
	scalar := r.text[begin:r.at]
	if len(scalar) == 0 {
		r.fail(errSyntax)
		return
	}
	switch first := scalar[0]; {
	case first == '-' || first >= '0' && first <= '9':
	case string(scalar) == "true" || string(scalar) == "false" || string(scalar) == "null":
	default:
		r.fail(errSyntax)
	}
}

func isAfterScalar(char byte) bool {
	switch char {
	case ',', '}', ']', ' ', '\n', '\t', '\r', ':', '"', '{', '[':
		return true
	}
	return false
}

// End returns the first error; also if something follows the document.
func (r *Reader) End() error {
	if r.err == nil && r.peek() != 0 {
		r.fail(errSyntax)
	}
	return r.err
}

// Err returns the first error.
func (r *Reader) Err() error { return r.err }
