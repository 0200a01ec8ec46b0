package kandinsky

// #include "bridge.h"
import "C"

import (
	"image"
	"math"
	"strings"
	"unsafe"
)

// arguments makes the C side of a call's arguments, keeps the first error, and frees everything in the end. C memory
// may not hold Go pointers, so what structs and arrays point to is copied.
type arguments struct {
	err   error
	frees []func()
}

func (a *arguments) free() {
	for _, free := range a.frees {
		free()
	}
	a.frees = nil
}

func (a *arguments) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

func (a *arguments) int(name string, value int) C.int32_t {
	if value < math.MinInt32 || value > math.MaxInt32 {
		a.fail(invalid(name, "is %d, which is out of range", value))
	}
	return C.int32_t(value)
}

// intOr is for fields whose zero value means the default.
func (a *arguments) intOr(name string, value int, fallback C.int32_t) C.int32_t {
	if value == 0 {
		return fallback
	}
	return a.int(name, value)
}

func (a *arguments) text(name, value string) *C.char {
	if strings.IndexByte(value, 0) >= 0 {
		a.fail(invalid(name, "has a zero byte"))
		return nil
	}
	text := C.CString(value)
	a.frees = append(a.frees, func() { C.free(unsafe.Pointer(text)) })
	return text
}

// optional is NULL for an empty string.
func (a *arguments) optional(name, value string) *C.char {
	if value == "" {
		return nil
	}
	return a.text(name, value)
}

func (a *arguments) copy(bytes unsafe.Pointer, size uintptr) unsafe.Pointer {
	copied := C.kandinsky_go_copy(bytes, C.size_t(size))
	if copied == nil {
		a.fail(&Error{Code: ErrOutOfMemory, Message: "out of memory"})
	}
	a.frees = append(a.frees, func() { C.free(copied) })
	return copied
}

func (a *arguments) texts(name string, values []string) **C.char {
	list := make([]*C.char, len(values)+1)
	for i, value := range values {
		list[i] = a.text(name, value)
	}
	return &list[0] // C pointers only, so Go memory will do
}

func (a *arguments) image(name string, value image.Image) *C.kandinsky_image {
	var made *C.kandinsky_image
	if a.err == nil {
		made, a.err = newImage(name, value)
	}
	if made != nil {
		a.frees = append(a.frees, func() { C.kandinsky_image_release(made) })
	}
	return made
}

func (a *arguments) images(name string, values []image.Image) **C.kandinsky_image {
	list := make([]*C.kandinsky_image, len(values)+1)
	for i, value := range values {
		list[i] = a.image(name, value)
	}
	return &list[0]
}

func flag(on bool) C.int32_t {
	if on {
		return 1
	}
	return 0
}
