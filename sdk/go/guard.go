package treadle

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"

	"treadle/internal/status"
)

// panicked returns a panic as a failure of its attempt. The stack goes to the attempt's log.
func (c *attemptContext) panicked(message string) *Failure {
	c.session().AppendLog("panic: " + message + "\n\n" + string(debug.Stack()))
	return &Failure{Code: "panic", Message: message}
}

// textOf returns what a panic is about. Its value is the program's, and its methods may panic again.
func textOf(cause any) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("a panic of type %T, which panics when it is printed", cause)
		}
	}()
	if cause == nil {
		return "nil, or the end of its goroutine"
	}
	return fmt.Sprint(cause)
}

// aboutError says which error of a handler panicked. A nil pointer as an error is a common mistake.
func aboutError(err error, cause any) string {
	name := fmt.Sprintf("%T", err)
	if _, isOurs := err.(*Error); isOurs {
		name = "*treadle.Error"
	}
	if value := reflect.ValueOf(err); value.Kind() == reflect.Pointer && value.IsNil() {
		return "the handler returned a nil " + name + " as its error"
	}
	return "the handler's error, a " + name + ", panicked: " + textOf(cause)
}

// errorAs is errors.As for the errors of this package. One that is nil panics: it means nothing.
func errorAs[E interface {
	comparable
	error
}](err error) (E, bool) {
	var none, one E
	if !errors.As(err, &one) {
		return none, false
	}
	if one == none {
		panic(one.Error())
	}
	return one, true
}

// guardedLog lets a worker survive a Log that panics: the line goes to instead, with the reason.
func guardedLog(write, instead func(line string)) func(line string) {
	return func(line string) {
		isWritten := false
		defer func() {
			if !isWritten {
				instead("treadle worker: Log panicked: " + printable(textOf(recover())))
				instead(line)
			}
		}()
		write(line)
		isWritten = true
	}
}

// guardedCall calls a function of the program in a goroutine of the client. The error is its panic; its
// stack goes to standard error.
func guardedCall(what string, call func()) (err error) {
	isOver := false
	defer func() {
		if !isOver {
			why := what + " panicked: " + textOf(recover())
			fmt.Fprintf(os.Stderr, "treadle: %s\n\n%s", why, debug.Stack())
			err = status.New(status.Unknown, why)
		}
	}()
	call()
	isOver = true
	return nil
}
