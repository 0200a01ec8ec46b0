package kandinsky

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// The bundled model.
func nano(elements ...string) string {
	return filepath.Join(append([]string{"..", "..", "models", "emojich-nano"}, elements...)...)
}

var shared struct {
	once     sync.Once
	pipeline *Pipeline
	err      error
}

// loaded is one pipeline for all tests that only look at it.
func loaded(t *testing.T) *Pipeline {
	t.Helper()
	shared.once.Do(func() { shared.pipeline, shared.err = LoadPipeline(nano(), PipelineOptions{}) })
	must(t, shared.err)
	return shared.pipeline
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fails wants an *Error of a code about a subject.
func fails(t *testing.T, err error, code Code, subject string) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, code) || e.Subject != subject {
		t.Fatalf("error is %#v, expected %v about %q", err, code, subject)
	}
	return e
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return data
}

func equalIDs(a, b []int32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
