package rpc

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// A Stream moves messages; *rtc.Session is one. Send may be called from
// several goroutines, and keeps nothing of the message. Recv ends with an error when the stream does; of one
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
	// Work is the context of the requests, if it is to outlast that of the
	// stream: what was read from a peer that has gone since is done all the same.
	Work context.Context
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
	// Refused is told of each request that a limit has refused, and by which; nil:
	// nobody is. Many goroutines call it, at once.
	Refused func(Limit)
	// Feed is what peers may subscribe to; nil leaves that to the handler.
	// Subscriptions is how many a stream may have.
	Feed          Feed
	Subscriptions int
	// End gives the reason with which subscriptions end when the stream does, by
	// its error; nil, or an empty reason, tells nobody.
	End func(error) (reason string)
}

// DefaultServerConfig returns the limits documented in docs/protocol.md.
func DefaultServerConfig(sender string) ServerConfig {
	return ServerConfig{Sender: sender, InFlight: 64, Timeout: 30 * time.Second, Subscriptions: 1024}
}

// Serve answers the requests of s until the stream ends, or it has to wait and
// their context ends; then it waits for the requests in hand. Their context is
// cfg.Work, or ctx, with which the replies end. It returns the stream's error.
func Serve(ctx context.Context, s Stream, cfg ServerConfig, h Handler, log *slog.Logger) error {
	cfg.InFlight = max(1, cfg.InFlight)
	if cfg.Work == nil {
		cfg.Work = ctx
	}
	work, gone := withGone(cfg.Work)
	cfg.Work = work
	v := &server{
		ctx: ctx, stream: s, cfg: cfg, handle: h, log: log,
		meter: newMeter(cfg.Limits, cfg.Exempt),
		slots: make(chan struct{}, cfg.InFlight),
	}
	v.workers, v.subscriptions = newWorkers(v), newSubscriptions(v)
	var giving sync.WaitGroup
	giving.Add(1)
	stop := context.AfterFunc(ctx, func() {
		defer giving.Done()
		v.workers.giveUp()
	})
	err := v.read()
	gone()
	v.workers.finish()
	v.subscriptions.finish(v.reason(err))
	if stop() {
		giving.Done()
	}
	giving.Wait()
	return err
}

type server struct {
	// Fixed.
	ctx     context.Context
	stream  Stream
	cfg     ServerConfig
	handle  Handler
	meter   meter
	log     *slog.Logger
	workers *workers

	subscriptions *subscriptions

	slots chan struct{} // holds a token for each job in hand
}

// read makes jobs of what comes in and hands them on, as slots allow.
func (v *server) read() error {
	for {
		msg, err := v.stream.Recv()
		if err != nil && !is(err, v.cfg.TooLarge) && !is(err, v.cfg.Malformed) {
			return err
		}
		j := v.job(v.cfg.Work, msg, err)
		select {
		case v.slots <- struct{}{}:
		case <-v.cfg.Work.Done():
			v.meter.release(j.holding)
			return context.Cause(v.cfg.Work)
		}
		v.workers.add(j)
	}
}

// reason is what subscriptions are told when the stream ends with err.
func (v *server) reason(err error) string {
	if v.cfg.End == nil {
		return ""
	}
	return v.cfg.End(err)
}

// is asks one of the two, if it is there.
func is(err error, kind func(error) bool) bool { return kind != nil && kind(err) }

// serve handles one job, and frees its slot when the handler has returned and
// the reply is sent. At its deadline it is replied to all the same.
func (v *server) serve(j *job) {
	defer func() { v.meter.release(j.holding); <-v.slots }()
	if j.delay > 0 {
		pause(v.ctx, j.delay)
	}
	if j.fault != nil {
		v.settle(j, *j.fault)
		return
	}
	var resp Response
	if err := j.ctx.Err(); err != nil { // it waited too long: what was not begun is not done
		resp = overdue(err)
	} else {
		resp = v.call(&j.ctx, j.request)
		j.ctx.end()
	}
	v.workers.release(j)
	v.settle(j, resp)
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

// call runs the handler. A panic in it is the end of one request only.
func (v *server) call(ctx context.Context, r Request) (resp Response) {
	defer func() {
		if p := recover(); p != nil {
			v.log.Error("handler panicked", "type", r.Type(), "panic", p, "stack", string(debug.Stack()))
			resp = Fault(Unavailable, "the node failed on this request")
		}
	}()
	if resp, ok := v.subscriptions.handle(ctx, r); ok {
		return resp
	}
	if resp = v.handle(ctx, r); resp.Status == 0 {
		return Fault(Unavailable, "no answer")
	}
	return resp
}

// settle sends the reply to a job unless that has been done. When it returns,
// the reply is on its way or cannot be sent.
func (v *server) settle(j *job, resp Response) {
	sent := false
	j.once.Do(func() {
		sent = true
		defer v.workers.replied(j)
		if resp.Limit != "" && v.cfg.Refused != nil {
			v.cfg.Refused(resp.Limit)
		}
		buf := replies.Get().(*[]byte)
		*buf = v.encode((*buf)[:0], j, resp)
		if err := v.stream.Send(v.ctx, *buf); err != nil && v.ctx.Err() == nil {
			v.log.Debug("reply not sent", "err", err)
		}
		if cap(*buf) <= maxPooled {
			replies.Put(buf)
		}
	})
	if resp.subscription != nil {
		resp.subscription.replied(sent)
	}
}

// replies are buffers for them: a stream keeps none.
var replies = sync.Pool{New: func() any { return new([]byte) }}

// maxPooled is the largest buffer kept; larger replies are rare.
const maxPooled = 64 << 10

// encode appends the reply to j, or the fault that says why there is none.
func (v *server) encode(buf []byte, j *job, resp Response) []byte {
	r, kind := j.request, j.request.Type()
	if j.fault != nil && r.URL == "" { // it asks for nothing
		r, kind = Request{ID: r.ID}, "error"
	}
	msg, err := appendReply(buf, r, kind, v.cfg.Sender, resp)
	if err != nil {
		v.log.Error("reply", "type", kind, "err", err)
		fault := Fault(Unavailable, "the answer could not be encoded")
		return appendParts(buf, r, kind, v.cfg.Sender, fault, fault.Body)
	}
	if limit := v.stream.MaxSend(); len(msg) > limit {
		fault := Fault(TooLarge, fmt.Sprintf("the reply has %d bytes, the connection carries %d", len(msg), limit))
		return appendParts(buf, r, kind, v.cfg.Sender, fault, fault.Body)
	}
	return msg
}
