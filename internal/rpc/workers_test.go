package rpc_test

import (
	"bytes"
	"context"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

// A stream that is idle keeps no goroutine but its reader, and works again
// afterwards.
func TestIdleStreamsKeepNoWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, 64, config(), echo)
		for round := range 3 {
			for i := range 64 {
				s.send(t, `{"id":`+strconv.Itoa(i)+`,"url":"x"}`)
			}
			for range 64 {
				s.recv(t)
			}
			synctest.Wait()
			if workersAlive() == 0 {
				t.Errorf("round %d: no worker lingers", round+1)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if n := workersAlive(); n > 0 {
				t.Errorf("round %d: %d workers are left after a minute without work", round+1, n)
			}
		}
	})
}

// workersAlive counts by the stacks: the number of all goroutines includes some
// that have just ended, and others that the runtime starts.
func workersAlive() int {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return bytes.Count(stacks, []byte("rpc.(*workers).work("))
}

// One request that waits delays no other, with or without a worker at hand.
func TestWaitingDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, 64, config(), work)
		for _, pause := range []time.Duration{0, 10 * time.Millisecond, time.Minute} {
			time.Sleep(pause)
			start := time.Now()
			for i := range 10 {
				s.send(t, `{"id":`+strconv.Itoa(i)+`,"url":"x","body":`+strconv.Itoa(1000*(i%2))+`}`)
			}
			for i := range 10 {
				s.recv(t)
				want := time.Duration(i/5) * time.Second
				if took := time.Since(start); took != want {
					t.Errorf("after a pause of %v, reply %d came after %v, want %v", pause, i+1, took, want)
				}
			}
		}
	})
}

func BenchmarkServe(b *testing.B) {
	body := []byte(`{"account":{"id":"abc","data":{"balance":{"dataType":"bi","value":"de0b6b3a7640000"},"friends":{},"chats":{}},"timestamp":1700000000000}}`)
	for _, n := range []int{1, 64} {
		b.Run(strconv.Itoa(n)+" in flight", func(b *testing.B) {
			b.ReportAllocs()
			s := serve(b, 64, config(), func(context.Context, rpc.Request) rpc.Response { return rpc.JSON(body) })
			msg := []byte(`{"id":"7","url":"account/0000000000000000000000000000000000000000000000000000000000000000","method":"GET"}`)
			for i := 0; i < b.N; i += n {
				for range n {
					if err := s.Send(context.Background(), msg); err != nil {
						b.Fatal(err)
					}
				}
				for range n {
					<-s.in
				}
			}
		})
	}
}
