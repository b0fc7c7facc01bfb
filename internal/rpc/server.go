package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// A Stream moves messages; *rtc.Session is one. Send may be called from
// several goroutines. Recv ends with an error when the stream does; of one
// message only are those that TooLarge and Malformed recognise: it was dropped.
type Stream interface {
	Send(ctx context.Context, msg []byte) error
	Recv() ([]byte, error)
	MaxSend() int // bytes of the largest message that Send takes
}

// A Handler answers requests. It may be called from several goroutines, and
// should return when ctx ends: a later answer is thrown away.
type Handler func(ctx context.Context, r Request) Response

// ServerConfig says how requests are served. Use [DefaultServerConfig].
type ServerConfig struct {
	// Sender is the peer id that replies name.
	Sender string
	// InFlight is how many requests of one stream are handled at once. Further
	// ones wait in the stream, so a peer that asks for too much is slowed.
	InFlight int
	// Timeout is the deadline of a request that sets none; a longer one is cut.
	// It counts from the arrival of the request.
	Timeout time.Duration
	// Limits are what this stream may ask, beside the others that share them;
	// nil limits nothing. Exempt spares it the paces, its own and that of all.
	Limits *Limits
	Exempt bool
	// TooLarge tells the error of a message that was dropped for its size from
	// the end of the stream; nil if the stream drops none.
	TooLarge func(error) bool
	// Malformed tells the error of a message that could not be read; nil if the
	// stream has none.
	Malformed func(error) bool
}

// DefaultServerConfig returns the limits documented in docs/protocol.md.
func DefaultServerConfig(sender string) ServerConfig {
	return ServerConfig{Sender: sender, InFlight: 64, Timeout: 30 * time.Second}
}

// Serve answers the requests of s until the stream ends, or it has to wait and
// ctx ends; then it waits for the requests in hand, whose context is ctx. It
// returns the stream's error.
func Serve(ctx context.Context, s Stream, cfg ServerConfig, h Handler, log *slog.Logger) error {
	cfg.InFlight = max(1, cfg.InFlight)
	v := &server{
		stream: s, cfg: cfg, handle: h, log: log,
		meter:   newMeter(cfg.Limits, cfg.Exempt),
		slots:   make(chan struct{}, cfg.InFlight),
		ordered: make(chan *job, cfg.InFlight),
	}
	v.wg.Go(func() { v.serveOrdered(ctx) })
	err := v.read(ctx)
	close(v.ordered)
	v.wg.Wait()
	return err
}

type server struct {
	// Fixed.
	stream Stream
	cfg    ServerConfig
	handle Handler
	meter  meter
	log    *slog.Logger

	slots   chan struct{} // holds a token for each job in hand
	ordered chan *job     // those without an id
	wg      sync.WaitGroup
}

// read makes jobs of what comes in and hands them on, as slots allow.
func (v *server) read(ctx context.Context) error {
	for {
		msg, err := v.stream.Recv()
		if err != nil && !is(err, v.cfg.TooLarge) && !is(err, v.cfg.Malformed) {
			return err
		}
		j := v.job(ctx, msg, err)
		select {
		case v.slots <- struct{}{}:
		case <-ctx.Done():
			v.meter.release(j.weight)
			return context.Cause(ctx)
		}
		if j.request.ID == nil {
			v.ordered <- j // has room: it holds as many as there are slots
			continue
		}
		v.wg.Go(func() { v.serve(ctx, j) })
	}
}

// is asks one of the two, if it is there.
func is(err error, kind func(error) bool) bool { return kind != nil && kind(err) }

// serveOrdered replies to the messages without an id one after the other,
// faults included: their sender tells replies apart by nothing but their order.
func (v *server) serveOrdered(ctx context.Context) {
	for j := range v.ordered {
		v.wg.Go(func() { v.serve(ctx, j) })
		<-j.replied
	}
}

// serve handles one job. It replies at the deadline if the handler does not,
// and frees the slot when the handler has returned and the reply is sent.
func (v *server) serve(ctx context.Context, j *job) {
	defer func() { v.meter.release(j.weight); <-v.slots }()
	if j.delay > 0 {
		pause(ctx, j.delay)
	}
	if j.fault != nil {
		v.settle(ctx, j, *j.fault)
		return
	}
	hctx, cancel := context.WithDeadline(ctx, j.deadline)
	defer cancel()
	if hctx.Err() != nil { // it waited too long: what was not begun is not done
		v.settle(ctx, j, overdue(hctx))
		return
	}
	v.wg.Add(1)
	stop := context.AfterFunc(hctx, func() {
		defer v.wg.Done()
		v.settle(ctx, j, overdue(hctx))
	})
	resp := v.call(hctx, j.request)
	if stop() {
		v.wg.Done()
	}
	v.settle(ctx, j, resp)
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// overdue is the answer to a request whose context has ended.
func overdue(ctx context.Context) Response {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return Fault(Timeout, "the node did not finish in time")
	}
	return Fault(Unavailable, "the node is going away")
}

// call runs the handler. A panic in it is the end of one request only.
func (v *server) call(ctx context.Context, r Request) (resp Response) {
	defer func() {
		if p := recover(); p != nil {
			v.log.Error("handler panicked", "type", r.Type(), "panic", p, "stack", string(debug.Stack()))
			resp = Fault(Unavailable, "the node failed on this request")
		}
	}()
	if resp = v.handle(ctx, r); resp.Status == 0 {
		return Fault(Unavailable, "no answer")
	}
	return resp
}

// settle sends the reply to a job unless that has been done. When it returns,
// the reply is on its way or cannot be sent.
func (v *server) settle(ctx context.Context, j *job, resp Response) {
	j.once.Do(func() {
		defer close(j.replied)
		msg := v.encode(j, resp)
		if msg == nil {
			return
		}
		if err := v.stream.Send(ctx, msg); err != nil && ctx.Err() == nil {
			v.log.Debug("reply not sent", "err", err)
		}
	})
}

// encode writes the reply to j, or the fault that says why there is none.
func (v *server) encode(j *job, resp Response) []byte {
	r, kind := j.request, j.request.Type()
	if j.fault != nil && r.URL == "" { // it asks for nothing
		r, kind = Request{ID: r.ID}, "error"
	}
	msg, err := encodeReply(r, kind, v.cfg.Sender, resp)
	if err != nil {
		v.log.Error("reply", "type", kind, "err", err)
		msg, err = encodeReply(r, kind, v.cfg.Sender, Fault(Unavailable, "the answer could not be encoded"))
	}
	if limit := v.stream.MaxSend(); err == nil && len(msg) > limit {
		fault := Fault(TooLarge, fmt.Sprintf("the reply has %d bytes, the connection carries %d", len(msg), limit))
		msg, err = encodeReply(r, kind, v.cfg.Sender, fault)
	}
	if err != nil { // a fault always encodes
		return nil
	}
	return msg
}
