// Package status has the errors of the API: stable codes, with the field that is at fault and the
// time after which the same call may succeed.
package status

import "time"

// The codes of the API.
const (
	Cancelled          = "CANCELLED"
	Unknown            = "UNKNOWN"
	InvalidArgument    = "INVALID_ARGUMENT"
	DeadlineExceeded   = "DEADLINE_EXCEEDED"
	NotFound           = "NOT_FOUND"
	AlreadyExists      = "ALREADY_EXISTS"
	PermissionDenied   = "PERMISSION_DENIED"
	ResourceExhausted  = "RESOURCE_EXHAUSTED"
	FailedPrecondition = "FAILED_PRECONDITION"
	Aborted            = "ABORTED"
	OutOfRange         = "OUT_OF_RANGE"
	Unimplemented      = "UNIMPLEMENTED"
	Internal           = "INTERNAL"
	Unavailable        = "UNAVAILABLE"
	DataLoss           = "DATA_LOSS"
	Unauthenticated    = "UNAUTHENTICATED"
	LeaseLost          = "LEASE_LOST"
)

// Error is what the server, or the way to it, has refused or failed to do.
type Error struct {
	// Code is stable and meant for programs: one of the codes of the API.
	Code string
	// Detail is one sentence for a person.
	Detail string
	// Field names what is at fault, for example "priority" or "payload.sizes[2]". Empty: unknown.
	Field string
	// RetryAfter says when the same call may succeed. 0: unknown.
	RetryAfter time.Duration
	// HTTPStatus is that of the answer. 0: there was no answer.
	HTTPStatus int
	// Cause is the error below, for example that of a context. It may be nil.
	Cause error
}

// Error returns the code and the detail.
func (e *Error) Error() string {
	if e == nil {
		return "nil *treadle.Error"
	}
	if e.Detail == "" {
		return e.Code
	}
	return e.Code + ": " + e.Detail
}

// Is reports whether target is an Error with the same code.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && e != nil && other != nil && other.Code == e.Code
}

// Unwrap returns the error below.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Cause
}

// New returns an Error. The field of an INVALID_ARGUMENT is read from the beginning of the detail.
func New(code, detail string) *Error {
	e := &Error{Code: code, Detail: detail}
	if code == InvalidArgument {
		e.Field = FieldOf(detail)
	}
	return e
}

// Wrong returns an INVALID_ARGUMENT about a field.
func Wrong(field, detail string) *Error {
	return &Error{Code: InvalidArgument, Detail: detail, Field: field}
}

// IsRefusal reports whether sending the same again would get the same answer.
func IsRefusal(code string) bool {
	switch code {
	case InvalidArgument, Unauthenticated, PermissionDenied, NotFound, Unimplemented,
		FailedPrecondition, OutOfRange:
		return true
	}
	return false
}

// MayWorkLater reports whether the same may be taken later.
func MayWorkLater(code string) bool {
	switch code {
	case Unavailable, ResourceExhausted, DeadlineExceeded, Unknown, Internal:
		return true
	}
	return false
}
