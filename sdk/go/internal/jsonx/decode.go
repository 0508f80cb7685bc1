package jsonx

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"

	"treadle/internal/status"
)

// Decode reads one JSON value into target. Numbers without a type become json.Number, so that no
// digit is lost. The error is an INVALID_ARGUMENT whose field begins with root.
func Decode(text []byte, target any, root string) error {
	if target, isString := target.(*string); isString {
		if plain, isPlain := Plain(bytes.TrimSpace(text)); isPlain {
			*target = string(plain)
			return nil
		}
	}
	if !MayHoldAny(reflect.TypeOf(target)) {
		return decodingError(json.Unmarshal(text, target), root)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(target); err != nil {
		return decodingError(err, root)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return status.Wrong(root, root+" is more than one JSON value")
	}
	return nil
}

func decodingError(err error, root string) error {
	if err == nil {
		return nil
	}
	field, why := root, err.Error()
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		if wrongType.Field != "" {
			field += "." + wrongType.Field
		}
		why = fmt.Sprintf("%s must be %s, and not a %s", field, wrongType.Type, wrongType.Value)
	} else {
		why = root + " cannot be read: " + why
	}
	return &status.Error{Code: status.InvalidArgument, Field: field, Detail: why, Cause: err}
}
