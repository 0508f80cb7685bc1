// Package jsonx writes and reads JSON without changing what it means: numbers keep all their digits,
// text stays as it is, and what JSON cannot express is an error that names its place.
package jsonx

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"

	"treadle/internal/status"
)

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Encode appends the JSON of value to out. The error is an INVALID_ARGUMENT whose field begins with
// root and leads to what is at fault: "payload.sizes[2]".
func Encode(out []byte, value any, root string) ([]byte, error) {
	switch value := value.(type) {
	case nil:
		return append(out, "null"...), nil
	case json.RawMessage:
		return appendRaw(out, value, root)
	case string:
		return appendValid(out, value, root)
	}
	buffer := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buffer)
	buffer.Reset()
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return out, encodingError(err, value, root)
	}
	text := bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
	// That is how the encoder writes bytes that are no UTF-8, and only those.
	if bytes.Contains(text, []byte(`\ufffd`)) {
		if path := invalidText(value, root); path != "" {
			return out, status.Wrong(path, path+" is text that is not UTF-8")
		}
	}
	return append(out, text...), nil
}

func appendValid(out []byte, text, root string) ([]byte, error) {
	appended := append(append(append(out, '"'), text...), '"')
	if isPlainASCII(appended[len(out)+1 : len(appended)-1]) {
		return appended, nil
	}
	if !utf8.ValidString(text) {
		return out, status.Wrong(root, root+" is text that is not UTF-8")
	}
	return appendEscaped(append(out, '"'), text), nil
}

func appendRaw(out []byte, raw json.RawMessage, root string) ([]byte, error) {
	if len(raw) == 0 {
		return append(out, "null"...), nil
	}
	if !json.Valid(raw) || !utf8.Valid(raw) {
		return out, status.Wrong(root, root+" is a json.RawMessage that is not JSON")
	}
	return append(out, raw...), nil
}

func encodingError(err error, value any, root string) error {
	var unsupportedValue *json.UnsupportedValueError
	// A value that leads back to itself is unsupported too: to search it takes forever.
	if errors.As(err, &unsupportedValue) && isFloat(unsupportedValue.Value.Kind()) {
		if path := notFinite(value, root); path != "" {
			return status.Wrong(path, fmt.Sprintf("%s is %s, which JSON does not have", path, unsupportedValue.Str))
		}
	}
	var unsupportedType *json.UnsupportedTypeError
	if errors.As(err, &unsupportedType) {
		if path := ofType(value, root, unsupportedType.Type); path != "" {
			return status.Wrong(path, fmt.Sprintf("%s is a %s, which JSON does not have", path, unsupportedType.Type))
		}
	}
	return &status.Error{Code: status.InvalidArgument, Field: root, Cause: err,
		Detail: fmt.Sprintf("%s cannot be written as JSON: %v", root, err)}
}
