package rpc_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/liberdus/liberdus/internal/rpc"
)

// A nodeModel answers requests with their urls: with ids in any order, or
// without ids in the order of their types.
type nodeModel struct {
	echoes bool
	open   []asked
}

type asked struct {
	ID  json.RawMessage
	URL string
	at  time.Time
}

// take reads what has been asked.
func (n *nodeModel) take(t *rapid.T, s *stream) {
	synctest.Wait()
	for len(s.in) > 0 {
		a := asked{at: time.Now()}
		if err := json.Unmarshal(<-s.in, &a); err != nil {
			t.Fatal(err)
		}
		n.open = append(n.open, a)
	}
}

// answer answers the i-th open request, or what has to come before it.
func (n *nodeModel) answer(t *rapid.T, s *stream, i int) {
	a := n.open[i]
	reply := map[string]any{"type": rpc.TypeOf(a.URL), "body": a.URL}
	if n.echoes {
		reply["id"] = a.ID
	} else {
		for j, b := range n.open {
			if rpc.TypeOf(b.URL) == rpc.TypeOf(a.URL) {
				i, reply["body"] = j, b.URL
				break
			}
		}
	}
	n.open = append(n.open[:i:i], n.open[i+1:]...)
	msg, err := json.Marshal(reply)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(context.Background(), msg); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// Whatever the order and however many give up, nobody gets another's reply.
func TestNobodyGetsAnothersReply(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rapid.SyncTest(rt, func(rt *rapid.T) {
			far, near := pipe(1 << 12)
			c := rpc.NewClient(near, "me")
			ran := make(chan error, 1)
			go func() { ran <- c.Run() }()
			defer func() {
				near.close()
				<-ran
			}()
			node := &nodeModel{echoes: rapid.Bool().Draw(rt, "echoes")}
			results, asked, answered := make(chan string, 1<<12), 0, 0

			rt.Repeat(map[string]func(*rapid.T){
				"ask": func(rt *rapid.T) {
					url := fmt.Sprintf("%s/%d", rapid.SampledFrom([]string{"account", "inject"}).Draw(rt, "type"), asked)
					timeout := time.Duration(rapid.IntRange(1, 5000).Draw(rt, "ms")) * time.Millisecond
					asked++
					go func() {
						ctx, cancel := context.WithTimeout(context.Background(), timeout)
						defer cancel()
						reply, err := c.Do(ctx, get(url))
						if got, want := string(reply.Body), `"`+url+`"`; err == nil && got != want {
							results <- "Do(" + url + ") = " + got
						} else {
							results <- ""
						}
					}()
					node.take(rt, far)
				},
				"answer": func(rt *rapid.T) {
					if len(node.open) == 0 {
						rt.Skip("nothing is asked")
					}
					node.answer(rt, far, rapid.IntRange(0, len(node.open)-1).Draw(rt, "which"))
				},
				"wait": func(rt *rapid.T) {
					for len(node.open) > 0 && time.Since(node.open[0].at) > 50*time.Second {
						node.answer(rt, far, 0) // later, an answer without an id is nobody's
					}
					time.Sleep(time.Duration(rapid.IntRange(1, 3000).Draw(rt, "ms")) * time.Millisecond)
					synctest.Wait()
				},
				"": func(rt *rapid.T) {
					for len(results) > 0 {
						answered++
						if wrong := <-results; wrong != "" {
							rt.Fatal(wrong)
						}
					}
				},
			})
			time.Sleep(time.Minute)
			synctest.Wait()
			answered += len(results)
			if answered != asked {
				rt.Fatalf("%d requests came back, want %d", answered, asked)
			}
		})
	})
}

func TestTypeOf(t *testing.T) {
	for url, want := range map[string]string{
		"": "", "account": "account", "account/id": "account", "account?x=/": "account", "a%2Fb/c": "a%2Fb",
		"?a": "", "/account": "", strings.Repeat("/", 9): "",
	} {
		if got := rpc.TypeOf(url); got != want {
			t.Errorf("TypeOf(%q) = %q, want %q", url, got, want)
		}
	}
}
