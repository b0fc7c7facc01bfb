package rpc

import (
	"context"
	"errors"
	"sync"
	"time"
)

// linger is how long a worker without work waits for more, and lingerers how
// many do. A goroutine that is started anew for each burst grows its stack anew
// each time; the second is for who is called while the first has a burst in hand.
const (
	linger    = time.Second
	lingerers = 2
)

// workers run the jobs of one stream. There are as many as there are jobs that
// wait for something, and one more: whoever takes a job from a queue that holds
// another sees to it that somebody comes for that one. A burst of requests that
// wait for nothing is thus answered by one goroutine, its replies leave in as
// few packets as they fit in, and a request that waits delays no other.
type workers struct {
	v     *server
	wg    sync.WaitGroup
	looks sync.WaitGroup // the watch, while it is set

	mu      sync.Mutex
	queue   []*job // guarded by mu; may run
	line    []*job // guarded by mu; without an id, behind one that is not replied to
	busy    bool   // guarded by mu; one without an id is not replied to
	coming  bool   // guarded by mu; a worker is on its way to the queue
	waiting int    // guarded by mu; workers that linger
	hand    []*job // guarded by mu; being handled
	watch   *time.Timer
	watchAt time.Time // guarded by mu; when watch fires; zero if it does not

	wake  chan struct{} // for those that linger
	ended chan struct{} // closed when no more jobs will come
}

func newWorkers(v *server) *workers {
	return &workers{v: v, wake: make(chan struct{}, lingerers), ended: make(chan struct{})}
}

// add hands a job over. A slot has been taken for it.
func (w *workers) add(j *job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !j.ordered() {
		w.push(j)
		return
	}
	if w.busy {
		w.line = append(w.line, j)
		return
	}
	w.busy = true
	w.push(j)
}

// push makes j ready to run. The caller holds mu.
func (w *workers) push(j *job) {
	w.queue = append(w.queue, j)
	w.call()
}

// call sends for a worker unless one is coming. The caller holds mu.
func (w *workers) call() {
	switch {
	case w.coming:
		return
	case w.waiting > 0:
		w.waiting--
		w.wake <- struct{}{} // has room: only who lingers gets one
	default:
		w.wg.Go(w.work)
	}
	w.coming = true
}

// replied lets the next job without an id run.
func (w *workers) replied(j *job) {
	if !j.ordered() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.line) == 0 {
		w.busy = false
		return
	}
	next := w.line[0]
	w.line = w.line[1:]
	w.push(next)
}

// work runs jobs until there have been none for a while.
func (w *workers) work() {
	var timer *time.Timer
	came := true
	for {
		j, stay := w.take(came)
		if j != nil {
			w.v.serve(j)
			came = false
			continue
		}
		if !stay {
			return
		}
		if timer == nil {
			timer = time.NewTimer(linger)
			defer timer.Stop()
		} else {
			timer.Reset(linger)
		}
		if came = w.wait(timer.C); !came {
			return
		}
	}
}

// take returns the next job, or whether to wait for one. The worker that was
// called for says so.
func (w *workers) take(came bool) (j *job, stay bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if came {
		w.coming = false
	}
	if len(w.queue) == 0 {
		if stay = w.waiting < lingerers; stay {
			w.waiting++
		}
		return nil, stay
	}
	j = w.queue[0]
	w.queue[0] = nil
	if w.queue = w.queue[1:]; len(w.queue) > 0 {
		w.call()
	}
	if j.fault == nil {
		w.hold(j)
	}
	return j, true
}

// wait lingers until there is work. It returns false if there was none.
func (w *workers) wait(enough <-chan time.Time) bool {
	select {
	case <-w.wake:
		return true
	case <-w.ended:
	case <-enough:
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.wake: // called in the same moment
		return true
	default:
	}
	w.waiting--
	return false
}

// hold keeps j in hand, to be replied to at its deadline. The caller holds mu.
func (w *workers) hold(j *job) {
	j.place = len(w.hand)
	w.hand = append(w.hand, j)
	if w.watchAt.IsZero() || j.ctx.deadline.Before(w.watchAt) {
		w.watchUntil(j.ctx.deadline)
	}
}

// release takes j out of hand: its handler has returned.
func (w *workers) release(j *job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := w.hand[len(w.hand)-1]
	w.hand[j.place], last.place = last, j.place
	w.hand[len(w.hand)-1] = nil
	w.hand = w.hand[:len(w.hand)-1]
}

// watchUntil sets the watch. It stays set when the job it was set for is done:
// the next one is due later, as a rule. The caller holds mu.
func (w *workers) watchUntil(at time.Time) {
	w.watchAt = at
	d := max(0, time.Until(at))
	switch {
	case w.watch == nil:
		w.looks.Add(1)
		w.watch = time.AfterFunc(d, w.look)
	case w.watch.Reset(d): // it was still to fire
	default:
		w.looks.Add(1)
	}
}

// look replies to what is overdue, and sets the watch for the rest.
func (w *workers) look() {
	defer w.looks.Done()
	var late []*job
	w.mu.Lock()
	w.watchAt = time.Time{}
	var next time.Time
	for _, j := range w.hand {
		switch d := j.ctx.deadline; {
		case !time.Now().Before(d):
			late = append(late, j)
		case next.IsZero() || d.Before(next):
			next = d
		}
	}
	if !next.IsZero() {
		w.watchUntil(next)
	}
	w.mu.Unlock()
	for _, j := range late {
		w.v.settle(j, overdue(context.DeadlineExceeded))
	}
}

// giveUp replies to all that is in hand: the stream's context has ended.
func (w *workers) giveUp() {
	w.mu.Lock()
	hand := append([]*job(nil), w.hand...)
	w.mu.Unlock()
	for _, j := range hand {
		w.v.settle(j, overdue(context.Canceled))
	}
}

// finish waits for the jobs in hand, those that wait included. No more are added.
func (w *workers) finish() {
	close(w.ended)
	w.wg.Wait()
	w.mu.Lock()
	if w.watch != nil && w.watch.Stop() {
		w.looks.Done()
	}
	w.mu.Unlock()
	w.looks.Wait()
}

// overdue is the answer to a request whose context has ended.
func overdue(err error) Response {
	if errors.Is(err, context.DeadlineExceeded) {
		return Fault(Timeout, "the node did not finish in time")
	}
	return Fault(Unavailable, "the node is going away")
}
