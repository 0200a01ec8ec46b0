package kandinsky

import (
	"reflect"
	"strings"
	"testing"
)

func TestCheckpoint(t *testing.T) {
	file, err := OpenCheckpoint(nano("x4", "RealESRGAN_x4.pth"))
	must(t, err)
	defer file.Close()
	same, err := OpenCheckpointMemory(read(t, nano("x4", "RealESRGAN_x4.pth")), "nano")
	must(t, err)
	tensors, others := file.Tensors(), same.Tensors()
	if !strings.HasPrefix(file.Format(), "torch-") || same.Format() != file.Format() || len(tensors) < 10 || len(others) != len(tensors) {
		t.Fatal(file.Format(), same.Format(), len(tensors), len(others))
	}
	esrgan, err := LoadRealEsrgan(nano("x4", "RealESRGAN_x4.pth"), ComputeOptions{})
	must(t, err)
	defer esrgan.Close()
	elements, total := 1, 0
	for _, tensor := range tensors {
		elements = 1
		for _, size := range tensor.Shape {
			elements *= size
		}
		total += elements
	}
	last, other := tensors[len(tensors)-1], others[len(others)-1]
	data, err := last.Read()
	must(t, err)
	copied, err := other.Read()
	must(t, err)
	if int64(total) < esrgan.ParameterCount() || !strings.HasPrefix(last.DType, "float") || len(data) == 0 || len(data)%elements != 0 ||
		last.Name != other.Name || last.DType != other.DType || !reflect.DeepEqual(last.Shape, other.Shape) || !reflect.DeepEqual(data, copied) {
		t.Error(total, last.Name, last.DType, last.Shape, len(data))
	}
	must(t, same.Close())
	if _, err := other.Read(); err != ErrClosed || same.Format() != "" || same.Tensors() != nil {
		t.Error(err)
	}

	_, err = OpenCheckpoint("/nonexistent")
	fails(t, err, ErrNotFound, "/nonexistent")
	_, err = OpenCheckpointMemory([]byte("PK"), "mine")
	fails(t, err, ErrBadFile, "mine")
}
