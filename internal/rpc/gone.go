package rpc

import "context"

// goneKey is the context key of [Gone].
type goneKey struct{}

// withGone returns the context of a stream's requests, and what tells them that
// nothing more comes over it.
func withGone(ctx context.Context) (_ context.Context, tell func()) {
	gone := make(chan struct{})
	return context.WithValue(ctx, goneKey{}, gone), func() { close(gone) }
}

// Gone is closed when the peer of a request has closed its stream, or is gone: what
// it has asked for is done all the same, but there is nothing to wait for that it
// was only to be told of. It is nil, and never closed, where that is not known.
func Gone(ctx context.Context) <-chan struct{} {
	gone, _ := ctx.Value(goneKey{}).(chan struct{})
	return gone
}
