package treadle

import (
	"fmt"

	"treadle/internal/status"
)

// Error is what the server, or the way to it, has refused or failed to do. Compare it with
// errors.Is(err, treadle.ErrNotFound), or look at it with errors.As. Its fields:
//
//	Code       string         stable, for programs: "RESOURCE_EXHAUSTED"
//	Detail     string         one sentence for people
//	Field      string         what is at fault, "payload.sizes[2]"; empty: unknown
//	RetryAfter time.Duration  when the same call may succeed; 0: unknown
//	HTTPStatus int            of the response; 0: there was none
//	Cause      error          the error below; may be nil
type Error = status.Error

// One error for each code that a program may want to compare with.
var (
	ErrInvalidArgument    = &Error{Code: status.InvalidArgument}
	ErrNotFound           = &Error{Code: status.NotFound}
	ErrAlreadyExists      = &Error{Code: status.AlreadyExists}
	ErrFailedPrecondition = &Error{Code: status.FailedPrecondition}
	ErrResourceExhausted  = &Error{Code: status.ResourceExhausted}
	ErrUnavailable        = &Error{Code: status.Unavailable}
	ErrDeadlineExceeded   = &Error{Code: status.DeadlineExceeded}
	ErrCancelled          = &Error{Code: status.Cancelled}
	ErrUnauthenticated    = &Error{Code: status.Unauthenticated}
	ErrPermissionDenied   = &Error{Code: status.PermissionDenied}
	ErrInternal           = &Error{Code: status.Internal}
	ErrAborted            = &Error{Code: status.Aborted}
	ErrOutOfRange         = &Error{Code: status.OutOfRange}
	ErrUnimplemented      = &Error{Code: status.Unimplemented}
	ErrDataLoss           = &Error{Code: status.DataLoss}
	ErrLeaseLost          = &Error{Code: status.LeaseLost}
)

// TaskError says that a task ended without a result.
type TaskError struct {
	// ID is that of the task.
	ID string
	// State is StateDead, StateCancelled or StateExpired.
	State State
	// Code and Message are those of the task's error.
	Code    string
	Message string
}

// Error names the task, its state and why.
func (e *TaskError) Error() string {
	if e == nil {
		return "nil *treadle.TaskError"
	}
	text := fmt.Sprintf("task %s is %s", e.ID, e.State)
	if e.Code != "" {
		text += ": " + e.Code
	}
	if e.Message != "" {
		text += ", " + e.Message
	}
	return text
}

// Is reports whether target is ErrFailedPrecondition, the code that the server has for it.
func (e *TaskError) Is(target error) bool { return target == error(ErrFailedPrecondition) }

func hasCode(err error, codes ...string) bool {
	known, ok := err.(*Error)
	if !ok {
		return false
	}
	for _, code := range codes {
		if known.Code == code {
			return true
		}
	}
	return false
}
