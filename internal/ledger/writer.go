package ledger

import (
	"context"
	"time"
)

// A job is a checked transaction on its way through the writer.
type job struct {
	id   string
	tx   transaction
	done chan struct{} // closed when result and err are set

	result Result // owned by the writer until done
	err    error  // owned by the writer until done
}

// wait waits for the answer, no longer than ctx.
func (j *job) wait(ctx context.Context) (Result, error) {
	select {
	case <-j.done:
		return j.result, j.err
	case <-ctx.Done():
	}
	select {
	case <-j.done:
		return j.result, j.err
	default:
		return Result{}, &Undecided{TxID: j.id, cause: context.Cause(ctx)}
	}
}

// inHand returns the job that is deciding about a txId now, or nil.
func (l *Ledger) inHand(id string) *job {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pending[id]
}

// hand queues j for the writer, or returns the job that is already deciding
// about the same txId. It waits for a free slot no longer than ctx.
func (l *Ledger) hand(ctx context.Context, j *job) (*job, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err := l.Healthy(); err != nil {
		return nil, err
	}
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-l.closing:
		return nil, ErrClosed
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		<-l.slots
		return nil, ErrClosed
	}
	if first := l.pending[j.id]; first != nil {
		<-l.slots
		return first, nil
	}
	l.pending[j.id] = j
	l.queue <- j
	return j, nil
}

// write is the one goroutine that changes the store. It ends when the queue is
// closed and empty.
func (l *Ledger) write() {
	defer close(l.stopped)
	for j := range l.queue {
		jobs := l.gather(j)
		l.counts.batch.Observe(int64(len(jobs)))
		end := l.pulse.begin()
		err := l.decide(jobs)
		end()
		l.answer(jobs, err)
	}
}

// gather adds to first what else waits, up to the size of a batch.
func (l *Ledger) gather(first *job) []*job {
	jobs := append(make([]*job, 0, 1+min(len(l.queue), l.batch-1)), first)
	for len(jobs) < l.batch {
		select {
		case j, ok := <-l.queue:
			if !ok {
				return jobs
			}
			jobs = append(jobs, j)
		default:
			return jobs
		}
	}
	return jobs
}

// decide runs the jobs one after the other over one overlay and commits what
// they changed. After an error nothing of them is in the store's view, and the
// store has failed for good.
func (l *Ledger) decide(jobs []*job) error {
	if err := l.store.failure(); err != nil {
		return err
	}
	s := l.newState(l.store.get)
	for _, j := range jobs {
		j.result = s.execute(j.id, j.tx)
	}
	ops := s.changes()
	if s.err != nil {
		return l.store.fail(s.err)
	}
	if len(ops) == 0 {
		return nil
	}
	began := time.Now()
	if err := l.store.commit(ops); err != nil {
		return err
	}
	l.counts.sync.Since(began)
	l.tell(s)
	return nil
}

// answer lets the callers go. A job leaves pending only now, when its receipt is
// in the view, so that there is no moment in which a txId is in neither.
func (l *Ledger) answer(jobs []*job, err error) {
	l.mu.Lock()
	for _, j := range jobs {
		delete(l.pending, j.id)
	}
	l.mu.Unlock()
	for _, j := range jobs {
		if j.err = err; err != nil {
			j.result = Result{}
		}
		<-l.slots
		close(j.done)
	}
}
