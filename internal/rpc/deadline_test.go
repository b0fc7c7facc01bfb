package rpc_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

type key struct{}

// The context of a request is like one of context.WithDeadline, whatever is
// asked of it first.
func TestDeadlineContext(t *testing.T) {
	first := map[string]func(context.Context){
		"nothing": func(context.Context) {},
		"Done":    func(c context.Context) { _ = c.Done() },
		"Err":     func(c context.Context) { _ = c.Err() },
		"Value":   func(c context.Context) { _ = c.Value(key{}) },
		"a child": func(c context.Context) { _, cancel := context.WithCancel(c); cancel() },
	}
	gone := errors.New("gone")
	for name, ask := range first {
		for _, tt := range []struct {
			name  string
			event func(cancel context.CancelCauseFunc, end func())
			err   error
			cause error
		}{
			{"open", func(context.CancelCauseFunc, func()) {}, nil, nil},
			{"overdue", func(context.CancelCauseFunc, func()) { time.Sleep(time.Second) }, context.DeadlineExceeded, context.DeadlineExceeded},
			{"the stream ended", func(cancel context.CancelCauseFunc, _ func()) { cancel(gone) }, context.Canceled, gone},
		} {
			t.Run(tt.name+" after "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					parent, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, "value"))
					defer cancel(nil)
					c, end := rpc.NewDeadline(parent, time.Now().Add(time.Second))
					defer end()
					ask(c)
					tt.event(cancel, end)
					synctest.Wait()
					if err := c.Err(); !errors.Is(err, tt.err) {
						t.Errorf("Err = %v, want %v", err, tt.err)
					}
					if err := context.Cause(c); !errors.Is(err, tt.cause) {
						t.Errorf("Cause = %v, want %v", err, tt.cause)
					}
					child, stop := context.WithCancel(c)
					defer stop()
					if err := context.Cause(child); !errors.Is(err, tt.cause) {
						t.Errorf("Cause of a child = %v, want %v", err, tt.cause)
					}
					select {
					case <-c.Done():
						if tt.err == nil {
							t.Error("Done is closed")
						}
					default:
						if tt.err != nil {
							t.Error("Done is open")
						}
					}
					if v := c.Value(key{}); v != "value" {
						t.Errorf("Value = %v", v)
					}
				})
			})
		}
	}
}

// When the request has been answered, what waits for its context is let go.
func TestDeadlineContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, end := rpc.NewDeadline(t.Context(), time.Now().Add(time.Hour))
		waited := make(chan struct{})
		go func() { <-c.Done(); close(waited) }()
		synctest.Wait()
		end()
		<-waited
		if err := c.Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("Err = %v, want %v", err, context.Canceled)
		}
	})
}
