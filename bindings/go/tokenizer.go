package kandinsky

// #include "bridge.h"
import "C"

import (
	"runtime"
	"unsafe"
)

// Tokenizer turns text into ids: a YouTokenToMe or SentencePiece model.
type Tokenizer struct {
	handle
	c *C.kandinsky_tokenizer
}

func newTokenizer(c *C.kandinsky_tokenizer) *Tokenizer {
	t := &Tokenizer{c: c}
	t.handle.free = func() { C.kandinsky_tokenizer_release(c) }
	runtime.SetFinalizer(t, (*Tokenizer).Close)
	return t
}

// LoadTokenizer reads a model file, whose kind is detected by content.
func LoadTokenizer(path string) (*Tokenizer, error) {
	var a arguments
	defer a.free()
	file := a.text("path", path)
	if a.err != nil {
		return nil, a.err
	}
	return makeTokenizer(func(made **C.kandinsky_tokenizer, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_tokenizer_load(file, made, e)
	})
}

// LoadTokenizerMemory takes the bytes of a file. name stands for the path in messages; "" is "<memory>".
func LoadTokenizerMemory(data []byte, name string) (*Tokenizer, error) {
	var a arguments
	defer a.free()
	title := a.optional("name", name)
	if a.err != nil {
		return nil, a.err
	}
	return makeTokenizer(func(made **C.kandinsky_tokenizer, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_tokenizer_load_memory(bytes(data), C.size_t(len(data)), title, made, e)
	})
}

func makeTokenizer(call func(**C.kandinsky_tokenizer, *C.kandinsky_error) C.kandinsky_status) (*Tokenizer, error) {
	var made *C.kandinsky_tokenizer
	if err := try(func(e *C.kandinsky_error) C.kandinsky_status { return call(&made, e) }); err != nil {
		return nil, err
	}
	return newTokenizer(made), nil
}

// Close releases the model once the calls that use it have returned. It always returns nil.
func (t *Tokenizer) Close() error { t.close(); return nil }

// VocabSize is the number of ids.
func (t *Tokenizer) VocabSize() int {
	if t.use() != nil {
		return 0
	}
	defer t.done()
	return int(C.kandinsky_tokenizer_vocab_size(t.c))
}

// Encode returns the ids of the text as it is.
func (t *Tokenizer) Encode(text string) ([]int32, error) {
	if err := t.use(); err != nil {
		return nil, err
	}
	defer t.done()
	var a arguments
	defer a.free()
	input := a.text("text", text)
	if a.err != nil {
		return nil, a.err
	}
	return fill(func(values []int32, count *C.size_t, e *C.kandinsky_error) C.kandinsky_status {
		if values == nil {
			return C.kandinsky_tokenizer_encode(t.c, input, nil, 0, count, e)
		}
		return C.kandinsky_tokenizer_encode(t.c, input, ids(values), C.size_t(len(values)), count, e)
	})
}

// EncodeForTransformer returns the transformer's input, length ids: lower-cased, stripped, with bos and eos, cut or
// padded.
func (t *Tokenizer) EncodeForTransformer(text string, length int) ([]int32, error) {
	return t.padded(text, length, func(input *C.char, values []int32, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_tokenizer_encode_for_transformer(t.c, input, ids(values), C.size_t(len(values)), e)
	})
}

// EncodeForRuClip returns ruCLIP's input, length ids (its context_length).
func (t *Tokenizer) EncodeForRuClip(text string, length int) ([]int32, error) {
	return t.padded(text, length, func(input *C.char, values []int32, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_tokenizer_encode_for_ruclip(t.c, input, ids(values), C.size_t(len(values)), e)
	})
}

func (t *Tokenizer) padded(text string, length int,
	call func(*C.char, []int32, *C.kandinsky_error) C.kandinsky_status) ([]int32, error) {
	if err := t.use(); err != nil {
		return nil, err
	}
	defer t.done()
	if length < 2 || length > 1<<20 {
		return nil, invalid("length", "is %d, expected 2..%d", length, 1<<20)
	}
	var a arguments
	defer a.free()
	input := a.text("text", text)
	if a.err != nil {
		return nil, a.err
	}
	values := make([]int32, length)
	if err := try(func(e *C.kandinsky_error) C.kandinsky_status { return call(input, values, e) }); err != nil {
		return nil, err
	}
	return values, nil
}

// Decode returns the text of the ids, without pad, unknown, bos and eos.
func (t *Tokenizer) Decode(values []int32) (string, error) {
	if err := t.use(); err != nil {
		return "", err
	}
	defer t.done()
	var text *C.kandinsky_buffer
	err := try(func(e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_tokenizer_decode(t.c, ids(values), C.size_t(len(values)), &text, e)
	})
	if err != nil {
		return "", err
	}
	defer C.kandinsky_buffer_release(text)
	data := (*byte)(C.kandinsky_buffer_data(text))
	return string(unsafe.Slice(data, int(C.kandinsky_buffer_size(text)))), nil
}
