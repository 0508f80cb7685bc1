package status

import (
	"encoding/json"
	"fmt"
	"time"
)

// FromProblem returns the error of an answer whose HTTP status is 300 or more.
func FromProblem(httpStatus int, body []byte) *Error {
	var problem struct {
		Code         string `json:"code"`
		Detail       string `json:"detail"`
		RetryAfterMs int64  `json:"retry_after_ms"`
	}
	if json.Unmarshal(body, &problem) != nil || problem.Code == "" || problem.Code == "OK" {
		problem.Code = codeOf(httpStatus)
	}
	if problem.Detail == "" {
		problem.Detail = fmt.Sprintf("the server answered HTTP %d without a reason; is it a Treadle "+
			"server? Check the address and any proxy in between", httpStatus)
	}
	e := New(problem.Code, problem.Detail)
	e.HTTPStatus = httpStatus
	if problem.RetryAfterMs > 0 {
		e.RetryAfter = time.Duration(problem.RetryAfterMs) * time.Millisecond
	}
	return e
}

func codeOf(httpStatus int) string {
	switch httpStatus {
	case 400, 413, 415:
		return InvalidArgument
	case 401:
		return Unauthenticated
	case 403:
		return PermissionDenied
	case 404:
		return NotFound
	case 405, 501:
		return Unimplemented
	case 409:
		return Aborted
	case 429:
		return ResourceExhausted
	case 408, 502, 503, 504:
		return Unavailable
	}
	if httpStatus < 400 || httpStatus >= 500 {
		return Internal
	}
	return Unknown
}
