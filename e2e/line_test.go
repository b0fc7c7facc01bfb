package e2e

import (
	"context"
	"testing"

	"github.com/liberdus/liberdus/internal/impair"
)

// newLine runs a line of TCP connections for one test, that lead nowhere yet.
func newLine(t *testing.T) *impair.TCP {
	t.Helper()
	line, err := impair.ListenTCP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ran <- line.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	return line
}
