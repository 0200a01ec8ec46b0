package kandinsky

// #include "bridge.h"
import "C"

// Device is what models can run on.
type Device struct {
	Name        string // "cpu", "cuda:0" ...: what ComputeOptions.Device takes
	Description string
	MemoryTotal uint64 // bytes
	MemoryFree  uint64 // bytes
}

// Devices lists the CPU, then every usable CUDA device.
func Devices() ([]Device, error) {
	var devices *C.kandinsky_devices
	if err := try(func(e *C.kandinsky_error) C.kandinsky_status { return C.kandinsky_devices_list(&devices, e) }); err != nil {
		return nil, err
	}
	defer C.kandinsky_devices_release(devices)
	list := make([]Device, C.kandinsky_devices_count(devices))
	for i := range list {
		index := C.size_t(i)
		list[i] = Device{
			Name:        C.GoString(C.kandinsky_devices_name(devices, index)),
			Description: C.GoString(C.kandinsky_devices_description(devices, index)),
			MemoryTotal: uint64(C.kandinsky_devices_memory_total(devices, index)),
			MemoryFree:  uint64(C.kandinsky_devices_memory_free(devices, index)),
		}
	}
	return list, nil
}

// Precision is the floating-point type that a model computes with.
type Precision int32

// Precisions. Auto is fp32 on the CPU and fp16 on a GPU.
const (
	PrecisionAuto Precision = C.KANDINSKY_PRECISION_AUTO
	PrecisionFP32 Precision = C.KANDINSKY_PRECISION_FP32
	PrecisionBF16 Precision = C.KANDINSKY_PRECISION_BF16
	PrecisionFP16 Precision = C.KANDINSKY_PRECISION_FP16
)

func (p Precision) String() string {
	switch p {
	case PrecisionAuto:
		return "auto"
	case PrecisionFP32:
		return "fp32"
	case PrecisionBF16:
		return "bf16"
	case PrecisionFP16:
		return "fp16"
	}
	return "unknown precision"
}

// ComputeOptions say how a model computes.
type ComputeOptions struct {
	Device    string // "auto" (the first CUDA device, else the CPU), "cpu", "cuda", "cuda:N". "": "auto"
	Precision Precision
	Threads   int // CPU threads of one call, 0..1024; 0: one a core. Answers do not depend on it
	// What is loaded, and how, while it is: one line without a line end. nil: silent.
	Log func(level LogLevel, message string)
}

// Switch is for options that are on by default.
type Switch int

// The default of every Switch is on.
const (
	Default Switch = iota
	On
	Off
)

func (s Switch) c() C.int32_t { return flag(s != Off) }

// load makes a model with C options and wraps it, before a panic of the log goes on: so its finalizer will release it.
func load[T any](options ComputeOptions, a *arguments, wrap func() *T,
	make func(*C.kandinsky_compute_options, *C.kandinsky_error) C.kandinsky_status) (*T, error) {
	var compute C.kandinsky_compute_options
	C.kandinsky_compute_options_init(&compute)
	compute.device = a.optional("device", options.Device)
	compute.precision = a.int("precision", int(options.Precision))
	compute.threads = a.int("threads", options.Threads)
	if a.err != nil {
		return nil, a.err
	}
	c := call{log: options.Log}
	user, err := c.begin()
	if err != nil {
		return nil, err
	}
	defer c.end()
	if options.Log != nil {
		C.kandinsky_go_set_log(&compute, user)
	}
	var model *T
	if err = try(func(e *C.kandinsky_error) C.kandinsky_status { return make(&compute, e) }); err == nil {
		model = wrap()
	}
	return model, c.result(err)
}
