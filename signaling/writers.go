package signaling

import "sync"

// writers are the goroutines that write to sockets, one for each socket that
// is being written to. One that is done waits for the next such socket, on the
// stack that writing has grown: to grow a fresh one for each message costs a
// tenth of relaying it.
//
// No more of them wait than sockets are open, so that the last socket takes the
// last of them along, and never more than maxSpare.
type writers struct {
	group *sync.WaitGroup // fixed

	mu    sync.Mutex     // nothing else is locked while it is
	open  int            // sockets
	spare []chan *socket // of those that wait, each with room for one; closed to dismiss it
}

const maxSpare = 64 // a megabyte of stacks at most

// join notes that a socket has been opened.
func (w *writers) join() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open++
}

// leave notes that a socket has been closed: it is handed to nobody any more.
func (w *writers) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open--
	if len(w.spare) > w.open {
		close(w.take())
	}
}

// hand lets somebody write what c has to write. It does not wait.
func (w *writers) hand(c *socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.spare) > 0 {
		w.take() <- c // there is room
		return
	}
	w.group.Go(func() { w.work(c) })
}

// take removes the one that has waited least: its stack is least likely to have
// been shrunk. It must be called with mu held.
func (w *writers) take() chan *socket {
	last := len(w.spare) - 1
	next := w.spare[last]
	w.spare[last] = nil
	w.spare = w.spare[:last]
	return next
}

func (w *writers) work(c *socket) {
	next := make(chan *socket, 1)
	for c != nil {
		c.write(nil)
		if !w.wait(next) {
			return
		}
		c = <-next
	}
}

// wait offers to write more, or is false if nobody more is needed.
func (w *writers) wait(next chan *socket) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.spare) >= min(w.open, maxSpare) {
		return false
	}
	w.spare = append(w.spare, next)
	return true
}
