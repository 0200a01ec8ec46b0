package kandinsky

// #include "bridge.h"
import "C"

import "unsafe"

// fill asks a function of the C interface for the number of its values, then for the values.
func fill[T any](call func(values []T, count *C.size_t, e *C.kandinsky_error) C.kandinsky_status) ([]T, error) {
	var count C.size_t
	if err := try(func(e *C.kandinsky_error) C.kandinsky_status { return call(nil, &count, e) }); err != nil {
		return nil, err
	}
	values := make([]T, count)
	if err := try(func(e *C.kandinsky_error) C.kandinsky_status { return call(values, &count, e) }); err != nil {
		return nil, err
	}
	return values, nil
}

// rows joins rows of one length.
func (a *arguments) rows(name string, rows [][]int32, length int) []int32 {
	var joined []int32
	for i, row := range rows {
		if len(row) != length {
			a.fail(invalid(name, "row %d has %d ids, expected %d", i, len(row), length))
			return nil
		}
		joined = append(joined, row...)
	}
	return joined
}

// ids is a slice as C sees it: never NULL, so that an empty one is an array too.
func ids(values []int32) *C.int32_t {
	if len(values) == 0 {
		return new(C.int32_t)
	}
	return (*C.int32_t)(unsafe.Pointer(&values[0]))
}

func floats(values []float32) *C.float {
	if len(values) == 0 {
		return new(C.float)
	}
	return (*C.float)(unsafe.Pointer(&values[0]))
}

// bytes is for inputs that C reads during the call alone.
func bytes(values []byte) unsafe.Pointer {
	if len(values) == 0 {
		return nil
	}
	return unsafe.Pointer(&values[0])
}

// takeBuffer copies bytes that a function of the C interface makes.
func takeBuffer(call func(**C.kandinsky_buffer, *C.kandinsky_error) C.kandinsky_status) ([]byte, error) {
	var buffer *C.kandinsky_buffer
	if err := try(func(e *C.kandinsky_error) C.kandinsky_status { return call(&buffer, e) }); err != nil {
		return nil, err
	}
	defer C.kandinsky_buffer_release(buffer)
	data := (*byte)(C.kandinsky_buffer_data(buffer))
	return append([]byte(nil), unsafe.Slice(data, int(C.kandinsky_buffer_size(buffer)))...), nil
}

func goIDs(first *C.int32_t, count C.size_t) []int32 {
	return append([]int32(nil), unsafe.Slice((*int32)(unsafe.Pointer(first)), int(count))...)
}

// table cuts values into rows.
func table(values []float32, rows int) [][]float32 {
	table := make([][]float32, rows)
	for i := range table {
		width := len(values) / rows
		table[i] = values[i*width : (i+1)*width : (i+1)*width]
	}
	return table
}
