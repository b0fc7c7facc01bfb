package rpc_test

import (
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
		synctest.Wait()
		idle := runtime.NumGoroutine()
		for round := range 3 {
			for i := range 64 {
				s.send(t, `{"id":`+strconv.Itoa(i)+`,"url":"x"}`)
			}
			for range 64 {
				s.recv(t)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if n := runtime.NumGoroutine(); n > idle {
				t.Errorf("round %d: %d goroutines, want the %d from before it", round+1, n, idle)
			}
		}
	})
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
