package rpc

import (
	"sync"
	"time"
)

// A job is a message that is to be replied to.
type job struct {
	request  Request
	deadline time.Time
	fault    *Response // the answer, where it is known without the handler

	once    sync.Once
	replied chan struct{} // closed when the reply is sent
}

// job makes a job of what Recv returned.
func (v *server) job(msg []byte, err error) *job {
	j := &job{replied: make(chan struct{})}
	switch {
	case err != nil && is(err, v.cfg.TooLarge):
		j.fault = new(Fault(TooLarge, err.Error()))
		return j
	case err != nil:
		j.fault = new(Fault(BadRequest, err.Error()))
		return j
	}
	if j.request, err = decodeRequest(msg); err != nil {
		j.fault = new(Fault(BadRequest, err.Error()))
		return j
	}
	limit := v.cfg.Timeout
	if j.request.Timeout > 0 {
		limit = min(limit, j.request.Timeout)
	}
	j.deadline = time.Now().Add(limit)
	return j
}
