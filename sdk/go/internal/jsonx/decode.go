package jsonx

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"treadle/internal/status"
)

// Decode reads one JSON value into target. Numbers without a type become json.Number, so that no
// digit is lost. A number whose value is whole is an integer however it is written. The error is an INVALID_ARGUMENT whose field begins with root.
func Decode(text []byte, target any, root string) error {
	if target, isString := target.(*string); isString {
		if plain, isPlain := Plain(bytes.TrimSpace(text)); isPlain {
			*target = string(plain)
			return nil
		}
	}
	err := decode(text, target)
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) && strings.HasPrefix(wrongType.Value, "number") {
		// encoding/json takes 4.0 for no integer. What it has written into target stays the same.
		if again, isOther := whole(text); isOther {
			err = decode(again, target)
		}
	}
	return decodingError(err, root)
}

var errMore = errors.New("there is more than one JSON value")

func decode(text []byte, target any) error {
	if !MayHoldAny(reflect.TypeOf(target)) {
		return json.Unmarshal(text, target)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(target); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errMore
	}
	return nil
}

func decodingError(err error, root string) error {
	if err == nil {
		return nil
	}
	if err == errMore {
		return status.Wrong(root, root+" is more than one JSON value")
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
