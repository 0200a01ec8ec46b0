// Package kandinsky draws pictures from Russian prompts with ruDALL-E Kandinsky and its family. It is a thin layer over
// libkandinsky's C interface, kandinsky.h, which pkg-config must find as "kandinsky".
//
//	pipeline, err := kandinsky.LoadPipeline("models/emojich-nano", kandinsky.PipelineOptions{})
//	if err != nil {
//		return err
//	}
//	defer pipeline.Close()
//	pictures, err := pipeline.Generate(ctx, "красное сердце на синем фоне", kandinsky.GenerateOptions{Images: 8, Pick: 4})
//
// # Options
//
// In every options struct the zero value of a field means the library's or the model's default. Where zero itself is
// meaningful, a constant says it: [AllIDs] for a top_k of 0, [NoBorder] for a border of 0, [Off] for what is on by
// default.
//
// # Threads
//
// A model (Pipeline, Tokenizer, Transformer, VqganDecoder, RuClip, RealEsrgan) or a Checkpoint never changes once it is
// loaded: any number of goroutines may use one at once. A call keeps its operating system thread until it returns.
// Callbacks run on the goroutine that made the call.
//
// # Memory
//
// Models live in C memory that the garbage collector does not see: call Close when done. A model that was forgotten is
// released by its finalizer. Close may be called at any time and more than once: calls that run finish first, later
// ones return [ErrClosed], getters return zero. Results are ordinary Go values.
//
// # Errors
//
// Errors that the library reports are an [*Error], with a code that errors.Is finds:
//
//	errors.Is(err, kandinsky.ErrNotFound)
//
// # Cancelling
//
// A context that ends stops the call within a token or a tile. The error is both [ErrCancelled] and the context's, so
// errors.Is(err, context.DeadlineExceeded) holds after a timeout.
package kandinsky

// #cgo pkg-config: kandinsky
// #include <kandinsky.h>
import "C"

// Version is that of the library that runs, like "0.1.0".
func Version() string { return C.GoString(C.kandinsky_version()) }

// ABIVersion is that of the library that runs. It changes with every incompatible change of kandinsky.h.
func ABIVersion() int { return int(C.kandinsky_abi_version()) }

// TorchVersion is that of the LibTorch that the library was built with, like "2.11.0".
func TorchVersion() string { return C.GoString(C.kandinsky_torch_version()) }
