package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// A UsageError is a mistake in what the caller gave: settings, files, ids.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Errors of calls that have an answer all the same.
var (
	ErrRefused   = errors.New("the network refused the transaction")
	ErrNoAccount = errors.New("there is no such account")
)

// The hops of a client's path that no package below names.
const (
	hopArchiver = "archiver"
	hopNode     = "node"
)

// A hopError says at which hop of its path a client failed.
type hopError struct {
	hop string
	err error
}

func (e *hopError) Error() string { return e.err.Error() }
func (e *hopError) Unwrap() error { return e.err }

func atNode(format string, args ...any) error {
	return &hopError{hopNode, fmt.Errorf(format, args...)}
}

// Hop names the part of the path in which a client failed: archiver,
// signalling, ice, dtls, channel or node.
func Hop(err error) string {
	if e, ok := errors.AsType[*hopError](err); ok {
		return e.hop
	}
	if e, ok := errors.AsType[*rtc.Error](err); ok {
		return string(e.Hop)
	}
	if _, ok := errors.AsType[*nodelist.ArchiverError](err); ok {
		return hopArchiver
	}
	if _, ok := errors.AsType[*signaling.ServerError](err); ok {
		return string(rtc.HopSignalling)
	}
	return hopNode
}

// cause prefers why ctx ended to the bare fact.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil && errors.Is(err, ctx.Err()) {
		return c
	}
	return err
}
