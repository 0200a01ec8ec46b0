package kandinsky

// #include "bridge.h"
import "C"

import (
	"context"
	"errors"
	"runtime/cgo"
)

// Stage is what a call is at.
type Stage int

// The stages of a call, in their order.
const (
	StageDrawing   Stage = C.KANDINSKY_STAGE_DRAWING
	StageDecoding  Stage = C.KANDINSKY_STAGE_DECODING
	StageRanking   Stage = C.KANDINSKY_STAGE_RANKING
	StageEnlarging Stage = C.KANDINSKY_STAGE_ENLARGING
)

func (s Stage) String() string {
	switch s {
	case StageDrawing:
		return "drawing"
	case StageDecoding:
		return "decoding"
	case StageRanking:
		return "ranking"
	case StageEnlarging:
		return "enlarging"
	}
	return "unknown stage"
}

// Progress is how far a call is.
type Progress struct {
	Stage  Stage
	Step   int // done: image tokens while drawing, pictures in the other stages; 0..Steps
	Steps  int
	Images int // in work at this step
	Number int // which of the drawn images: the one being enlarged; the first of those in work in other stages
}

// LogLevel grades a line of the log.
type LogLevel int

// The levels of a log.
const (
	LogDebug   LogLevel = C.KANDINSKY_LOG_DEBUG
	LogInfo    LogLevel = C.KANDINSKY_LOG_INFO
	LogWarning LogLevel = C.KANDINSKY_LOG_WARNING
)

// call is one call into the library that may call back.
type call struct {
	ctx      context.Context
	progress func(Progress) error
	preview  func(number, tokens int, image *Image) error
	tokens   func(number int, tokens []int32) error
	picture  func(Picture) error
	log      func(LogLevel, string)

	cancel   *C.kandinsky_cancel // NULL if ctx never ends
	stop     chan struct{}
	stopped  chan struct{}
	handle   cgo.Handle
	err      error // of a callback
	panicked bool
	value    any
}

// begin must be followed by end. The user pointer of callbacks is the returned number: C keeps no Go pointer.
func (c *call) begin() (C.uintptr_t, error) {
	if c.ctx != nil && c.ctx.Done() != nil {
		if err := try(func(e *C.kandinsky_error) C.kandinsky_status { return C.kandinsky_cancel_new(&c.cancel, e) }); err != nil {
			return 0, err
		}
		if c.ctx.Err() != nil {
			C.kandinsky_cancel_trigger(c.cancel)
		}
		c.stop, c.stopped = make(chan struct{}), make(chan struct{})
		go c.watch()
	}
	c.handle = cgo.NewHandle(c)
	return C.uintptr_t(c.handle), nil
}

func (c *call) watch() {
	defer close(c.stopped)
	select {
	case <-c.ctx.Done():
		C.kandinsky_cancel_trigger(c.cancel)
	case <-c.stop:
	}
}

func (c *call) end() {
	if c.handle != 0 {
		c.handle.Delete()
	}
	if c.stop != nil {
		close(c.stop)
		<-c.stopped // nobody triggers what is released
		C.kandinsky_cancel_release(c.cancel)
	}
}

// result is the call's error with what caused it. A panic of a callback, which was held back from the library's frames,
// goes on here.
func (c *call) result(err error) error {
	if c.panicked {
		panic(c.value)
	}
	var e *Error
	if errors.As(err, &e) && e.Code == ErrCancelled {
		if c.err != nil {
			e.Cause = c.err
		} else if c.ctx != nil {
			e.Cause = c.ctx.Err()
		}
	}
	return err
}

// back runs a callback; nonzero cancels.
func (c *call) back(callback func() error) (status C.int32_t) {
	if c.panicked || c.err != nil {
		return 1
	}
	c.panicked = true
	defer func() {
		if c.panicked {
			c.value = recover()
			status = 1
		}
	}()
	c.err = callback()
	c.panicked = false
	if c.err != nil {
		return 1
	}
	return 0
}

//export kandinskyGoProgress
func kandinskyGoProgress(user C.uintptr_t, stage, step, steps, images, number C.int32_t) C.int32_t {
	c := cgo.Handle(user).Value().(*call)
	return c.back(func() error {
		return c.progress(Progress{Stage(stage), int(step), int(steps), int(images), int(number)})
	})
}

//export kandinskyGoPreview
func kandinskyGoPreview(user C.uintptr_t, number, tokens C.int32_t, image *C.kandinsky_image) C.int32_t {
	c := cgo.Handle(user).Value().(*call)
	return c.back(func() error { return c.preview(int(number), int(tokens), goImage(image)) })
}

//export kandinskyGoTokens
func kandinskyGoTokens(user C.uintptr_t, number C.int32_t, tokens *C.int32_t, count C.size_t) C.int32_t {
	c := cgo.Handle(user).Value().(*call)
	return c.back(func() error { return c.tokens(int(number), goIDs(tokens, count)) })
}

//export kandinskyGoPicture
func kandinskyGoPicture(user C.uintptr_t, picture *C.kandinsky_pictures) C.int32_t {
	c := cgo.Handle(user).Value().(*call)
	return c.back(func() error { return c.picture(goPicture(picture, 0)) })
}

//export kandinskyGoLog
func kandinskyGoLog(user C.uintptr_t, level C.int32_t, message *C.char) {
	c := cgo.Handle(user).Value().(*call)
	c.back(func() error { c.log(LogLevel(level), C.GoString(message)); return nil })
}
