package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

const (
	maxBody     = 1 << 20          // bytes of a request's body
	freeBody    = 4 << 10          // of them, that count nowhere: connections are limited, and most transactions are no longer
	maxBodies   = 32 << 20         // of all bodies together that are being read or are in hand
	bodiesShare = maxBodies / 8    // of those of one address
	bodyTime    = 15 * time.Second // in which a body has to be there
	bodyRetry   = time.Second      // after which there may be room again
)

// Bodies are the buffers of requests over HTTP. They are charged as they grow,
// not by what a header claims: who sends nothing takes nothing from others.
type bodies struct {
	all    *room
	shares *rpc.Shares
}

func newBodies() bodies {
	return bodies{newRoom(maxBodies), rpc.NewShares(bodiesShare)}
}

// A body is a buffer and what is charged for it.
type body struct {
	of      bodies
	caller  netip.Addr
	text    []byte
	charged int64
}

// noRoom says that bodies take all that they may, by that limit.
func noRoom(by rpc.Limit) *rpc.Response {
	return new(rpc.FaultAfter("too many large bodies at once", bodyRetry).By(by))
}

// grow makes room for more, twice as much as there was.
func (b *body) grow(most int64) *rpc.Response {
	size := min(max(freeBody, 2*int64(cap(b.text))), most)
	more := max(0, size-freeBody) - b.charged
	if !b.of.all.tryTake(more) {
		return noRoom(rpc.LimitBodies)
	}
	if !b.of.shares.Take(b.caller, more) {
		b.of.all.give(more)
		return noRoom(rpc.LimitBodiesOfOne)
	}
	b.charged += more
	larger := make([]byte, len(b.text), size)
	copy(larger, b.text)
	b.text = larger
	return nil
}

// release gives the buffer up.
func (b *body) release() {
	b.of.all.give(b.charged)
	b.of.shares.Give(b.caller, b.charged)
	b.text, b.charged = nil, 0
}

// read reads r to its end, which is where its header says, if it does.
func (b *body) read(r *http.Request) *rpc.Response {
	most := int64(maxBody)
	if r.ContentLength > 0 {
		most = min(most, r.ContentLength)
	}
	for {
		if len(b.text) == cap(b.text) && int64(len(b.text)) < most {
			if fault := b.grow(most); fault != nil {
				return fault
			}
		}
		if int64(len(b.text)) == most { // is that all?
			var one [1]byte
			if n, err := io.ReadFull(r.Body, one[:]); n > 0 {
				return tooLarge()
			} else if err != io.EOF {
				return cutOff(err)
			}
			return nil
		}
		n, err := r.Body.Read(b.text[len(b.text):cap(b.text)])
		b.text = b.text[:len(b.text)+n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return cutOff(err)
		}
	}
}

// cutOff says why a body has no end, and no addresses: behind a proxy they are
// none of the caller's business.
func cutOff(err error) *rpc.Response {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		late := rpc.Fault(rpc.Timeout, fmt.Sprintf("the body has not come within %v", bodyTime))
		late.Status = http.StatusRequestTimeout // it was the caller who was late
		return &late
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		err = io.ErrUnexpectedEOF
	}
	return new(rpc.Fault(rpc.BadRequest, "body: "+err.Error()))
}

func tooLarge() *rpc.Response {
	return new(rpc.Fault(rpc.TooLarge, fmt.Sprintf("the body has more than %d bytes", maxBody)))
}

// readBody reads the body of a request, in its time. The caller releases it,
// whether or not there is a fault.
func (a *API) readBody(ctx context.Context, w http.ResponseWriter, r *http.Request) (*body, *rpc.Response) {
	b := &body{of: a.bodies, caller: rpc.CallerOf(ctx)}
	switch {
	case r.ContentLength > maxBody:
		w.Header().Set("Connection", "close") // the rest is not worth reading
		return b, tooLarge()
	case r.Body == nil, r.Body == http.NoBody:
		return b, nil
	}
	deadline := http.NewResponseController(w)
	_ = deadline.SetReadDeadline(time.Now().Add(bodyTime)) // only tests have no such thing
	fault := b.read(r)
	if fault != nil {
		w.Header().Set("Connection", "close")
		return b, fault
	}
	_ = deadline.SetReadDeadline(time.Time{}) // the request has a time of its own
	return b, nil
}
