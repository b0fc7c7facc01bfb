package impair

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// A passage is a datagram on its way. deliver is called when it is due.
type passage struct {
	due     time.Time
	number  uint64 // of equal dates the first comes first
	deliver func()
}

// A queue is what is on its way, in order of arrival there.
type queue struct {
	limit int           // fixed
	news  chan struct{} // fixed; room for one: something earlier has come

	mu     sync.Mutex
	items  passages  // guarded by mu
	number uint64    // guarded by mu
	last   time.Time // guarded by mu; the latest date of what keeps its order
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, news: make(chan struct{}, 1)}
}

// put has deliver called after a while, and not before what was put earlier
// unless it is held. It reports whether there was room.
func (q *queue) put(c copyOf, deliver func()) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) >= q.limit {
		return false
	}
	due := time.Now().Add(c.after)
	if !c.held {
		if due.Before(q.last) {
			due = q.last
		}
		q.last = due
	}
	q.number++
	heap.Push(&q.items, passage{due, q.number, deliver})
	select {
	case q.news <- struct{}{}:
	default: // told already
	}
	return true
}

// run delivers until ctx ends. What is then on its way is lost.
func (q *queue) run(ctx context.Context) {
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	for {
		due, wait := q.take(time.Now())
		for _, p := range due {
			p.deliver()
		}
		if len(due) > 0 {
			continue
		}
		alarm.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-q.news:
		case <-alarm.C:
		}
	}
}

// take removes what is due, and says how long nothing else will be.
func (q *queue) take(now time.Time) (due []passage, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) > 0 && !q.items[0].due.After(now) {
		due = append(due, heap.Pop(&q.items).(passage))
	}
	if len(q.items) == 0 {
		return due, time.Hour
	}
	return due, q.items[0].due.Sub(now)
}

// passages are a heap by date and number.
type passages []passage

var _ heap.Interface = (*passages)(nil)

func (p passages) Len() int      { return len(p) }
func (p passages) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p passages) Less(i, j int) bool {
	if p[i].due.Equal(p[j].due) {
		return p[i].number < p[j].number
	}
	return p[i].due.Before(p[j].due)
}

func (p *passages) Push(x any) { *p = append(*p, x.(passage)) }

func (p *passages) Pop() any {
	old := *p
	last := old[len(old)-1]
	old[len(old)-1] = passage{}
	*p = old[:len(old)-1]
	return last
}
