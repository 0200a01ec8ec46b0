package kandinsky

// #include <kandinsky.h>
import "C"

import (
	"errors"
	"fmt"
	"io/fs"
)

// Code says what kind of error it is. It is an error itself, to be found with errors.Is.
type Code int32

// The codes of kandinsky.h.
const (
	ErrInvalidArgument Code = C.KANDINSKY_INVALID_ARGUMENT // a value is out of range or does not fit the model
	ErrNotFound        Code = C.KANDINSKY_NOT_FOUND        // a file, directory, tensor or device does not exist
	ErrBadFile         Code = C.KANDINSKY_BAD_FILE         // a file is damaged, hostile or of another kind than expected
	ErrUnsupported     Code = C.KANDINSKY_UNSUPPORTED      // well-formed, but something this build or device cannot do
	ErrOutOfMemory     Code = C.KANDINSKY_OUT_OF_MEMORY    // of the host or of a device
	ErrCancelled       Code = C.KANDINSKY_CANCELLED        // by a context or a callback
	ErrIO              Code = C.KANDINSKY_IO               // the system refused to read or write
	ErrInternal        Code = C.KANDINSKY_INTERNAL         // a bug of the library: please report it
)

// ErrClosed is what methods of a model return after its Close.
var ErrClosed = errors.New("kandinsky: the model is closed")

// Error is the code's name, like "invalid argument".
func (c Code) Error() string { return C.GoString(C.kandinsky_status_name(C.kandinsky_status(c))) }

// Error is what went wrong.
type Error struct {
	Code    Code
	Message string // one line, holds the subject too
	Subject string // the file, option, field or tensor that it is about; may be empty
	// For ErrCancelled: the context's error, or the one that a callback returned.
	Cause error
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return "kandinsky: " + e.Message + ": " + e.Cause.Error()
	}
	return "kandinsky: " + e.Message
}

// Is finds the code; fs.ErrNotExist stands for ErrNotFound too.
func (e *Error) Is(target error) bool {
	return target == e.Code || (target == fs.ErrNotExist && e.Code == ErrNotFound)
}

func (e *Error) Unwrap() error { return e.Cause }

func invalid(subject, format string, arguments ...any) error {
	return &Error{Code: ErrInvalidArgument, Subject: subject, Message: subject + ": " + fmt.Sprintf(format, arguments...)}
}

// try makes a call that can fail.
func try(call func(*C.kandinsky_error) C.kandinsky_status) error {
	var e C.kandinsky_error
	if call(&e) == C.KANDINSKY_OK {
		return nil
	}
	return &Error{Code: Code(e.code), Message: C.GoString(&e.message[0]), Subject: C.GoString(&e.subject[0])}
}
