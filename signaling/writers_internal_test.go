package signaling

import (
	"sync"
	"testing"
	"testing/synctest"
)

// A socket with nothing to write is done at once.
func TestWritersWaitForTheNextSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group sync.WaitGroup
		w := writers{group: &group}
		w.join()
		w.hand(new(socket))
		synctest.Wait()
		first := w.spare[0]
		w.hand(new(socket))
		synctest.Wait()
		if len(w.spare) != 1 || w.spare[0] != first {
			t.Errorf("the second socket was given to another writer than the first")
		}
		w.leave()
		group.Wait() // or the test is told of a deadlock
	})
}

func TestWritersAreNoMoreThanNeeded(t *testing.T) {
	for _, c := range []struct {
		name                string
		open, written, want int
	}{
		{"as many as sockets", 3, 10, 3},
		{"as were needed", 10, 3, 3},
		{"the most there may be", 3 * maxSpare, 2 * maxSpare, maxSpare},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var group sync.WaitGroup
				w := writers{group: &group}
				for range c.open {
					w.join()
				}
				for range c.written { // and not by hand, which would find those that are done
					group.Go(func() { w.work(new(socket)) })
				}
				synctest.Wait()
				if got := len(w.spare); got != c.want {
					t.Errorf("%d writers wait, want %d", got, c.want)
				}
				for open := c.open - 1; open >= 0; open-- {
					w.leave()
					if len(w.spare) > open {
						t.Errorf("%d writers wait beside %d sockets", len(w.spare), open)
					}
				}
				group.Wait()
			})
		})
	}
}
