package kandinsky

// #include "bridge.h"
import "C"

import "runtime"

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
	return t.encode(text, func(text *C.char, ids *C.int32_t, size C.size_t, count *C.size_t, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_tokenizer_encode(t.c, text, ids, size, count, e)
	})
}

// EncodeWithDropout is Encode with BPE dropout (for training): every candidate merge is skipped with the probability,
// 0..1. The same seed gives the same ids. ErrUnsupported for a SentencePiece model.
func (t *Tokenizer) EncodeWithDropout(text string, probability float64, seed uint64) ([]int32, error) {
	return t.encode(text, func(text *C.char, ids *C.int32_t, size C.size_t, count *C.size_t, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_tokenizer_encode_with_dropout(t.c, text, C.double(probability), C.uint64_t(seed), ids, size, count, e)
	})
}

func (t *Tokenizer) encode(text string,
	call func(*C.char, *C.int32_t, C.size_t, *C.size_t, *C.kandinsky_error) C.kandinsky_status) ([]int32, error) {
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
			return call(input, nil, 0, count, e)
		}
		return call(input, ids(values), C.size_t(len(values)), count, e)
	})
}

// EncodeBatch is Encode of every text, in order, on up to threads threads (0: one a core; 0..1024).
func (t *Tokenizer) EncodeBatch(texts []string, threads int) ([][]int32, error) {
	if err := t.use(); err != nil {
		return nil, err
	}
	defer t.done()
	var a arguments
	defer a.free()
	inputs, most := a.texts("texts", texts), a.int("threads", threads)
	if a.err != nil {
		return nil, a.err
	}
	var lists *C.kandinsky_token_lists
	err := try(func(e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_tokenizer_encode_batch(t.c, inputs, C.size_t(len(texts)), most, &lists, e)
	})
	if err != nil {
		return nil, err
	}
	defer C.kandinsky_token_lists_release(lists)
	values := make([][]int32, C.kandinsky_token_lists_count(lists))
	for i := range values {
		var count C.size_t
		first := C.kandinsky_token_lists_ids(lists, C.size_t(i), &count)
		values[i] = goIDs(first, count)
	}
	return values, nil
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
	text, err := takeBuffer(func(text **C.kandinsky_buffer, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_tokenizer_decode(t.c, ids(values), C.size_t(len(values)), text, e)
	})
	return string(text), err
}

// IDToPiece returns the subword of an id, with U+2581 for a word's start.
func (t *Tokenizer) IDToPiece(id int32) (string, error) {
	if err := t.use(); err != nil {
		return "", err
	}
	defer t.done()
	piece, err := takeBuffer(func(piece **C.kandinsky_buffer, e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_tokenizer_id_to_piece(t.c, C.int32_t(id), piece, e)
	})
	return string(piece), err
}

// PieceToID returns the id of a subword; UnkID() if there is no such piece.
func (t *Tokenizer) PieceToID(piece string) (int32, error) {
	if err := t.use(); err != nil {
		return 0, err
	}
	defer t.done()
	var a arguments
	defer a.free()
	input := a.text("piece", piece)
	if a.err != nil {
		return 0, a.err
	}
	var id C.int32_t
	err := try(func(e *C.kandinsky_error) C.kandinsky_status {
		return C.kandinsky_tokenizer_piece_to_id(t.c, input, &id, e)
	})
	return int32(id), err
}

// PadID is the id that fills up.
func (t *Tokenizer) PadID() int32 {
	if t.use() != nil {
		return 0
	}
	defer t.done()
	return int32(C.kandinsky_tokenizer_pad_id(t.c))
}

// UnkID is the id of what the model does not know.
func (t *Tokenizer) UnkID() int32 {
	if t.use() != nil {
		return 0
	}
	defer t.done()
	return int32(C.kandinsky_tokenizer_unk_id(t.c))
}

// BosID is the id before a text.
func (t *Tokenizer) BosID() int32 {
	if t.use() != nil {
		return 0
	}
	defer t.done()
	return int32(C.kandinsky_tokenizer_bos_id(t.c))
}

// EosID is the id after a text.
func (t *Tokenizer) EosID() int32 {
	if t.use() != nil {
		return 0
	}
	defer t.done()
	return int32(C.kandinsky_tokenizer_eos_id(t.c))
}

// Kind is "yttm" or "sentencepiece".
func (t *Tokenizer) Kind() string {
	if t.use() != nil {
		return ""
	}
	defer t.done()
	return C.GoString(C.kandinsky_tokenizer_kind(t.c))
}
