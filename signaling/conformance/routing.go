package conformance

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// hugePayload is above what a server of this project takes, and below what the
// reference takes.
const hugePayload = 50 << 20

func routingStatements() []Statement {
	fast := Options{ExpireTimeout: 200 * time.Millisecond, CleanupInterval: 100 * time.Millisecond}
	ignored := func(frames ...string) func(*check) string {
		return func(c *check) string {
			a := c.reg("a")
			a.send(frames...)
			return a.heard()
		}
	}
	return []Statement{
		{
			Number: 36, Asked: "OFFER from a to b: b, a", Want: delivered("OFFER", "a", "b", `{"x":1}`) + " · nothing",
			observe: func(c *check) string {
				a, b := c.reg("a"), c.reg("b")
				a.send(message("OFFER", "b", `{"x":1}`))
				return join(b.next(), a.heard())
			},
		},
		{
			Number: 37, Asked: "the same with ANSWER, CANDIDATE, LEAVE, EXPIRE", Want: "delivered each time",
			observe: func(c *check) string {
				a, b := c.reg("a"), c.reg("b")
				var got []string
				for _, typ := range []string{"ANSWER", "CANDIDATE", "LEAVE", "EXPIRE"} {
					a.send(message(typ, "b", `"p"`))
					got = append(got, same(join(b.next(), a.heard()), delivered(typ, "a", "b", `"p"`)+" · nothing", "delivered"))
				}
				return all(got...)
			},
		},
		{
			Number: 38, Asked: "a forged src", Want: "a",
			observe: func(c *check) string {
				a, b := c.reg("a"), c.reg("b")
				a.send(`{"type":"OFFER","src":"victim","dst":"b","payload":1}`)
				return srcOf(b.next())
			},
		},
		{
			Number: 39, Asked: "other members of a message", Want: delivered("CANDIDATE", "a", "b", "1"),
			observe: func(c *check) string {
				a, b := c.reg("a"), c.reg("b")
				a.send(`{"id":"x","type":"CANDIDATE","payload":1,"dst":"b","extra":{"y":2}}`)
				return b.next()
			},
		},
		{
			Number: 40, Asked: "payloads of every JSON type, and none", Want: "equal each time",
			observe: func(c *check) string {
				a, b := c.reg("a"), c.reg("b")
				var got []string
				for _, payload := range []string{`{"a":[1,{"b":"<&>\u2028é\""}],"c":null}`, `[1,[2],{}]`, `"text"`, `-1.5e3`, `true`, `false`, `null`, ``} {
					a.send(message("OFFER", "b", payload))
					got = append(got, samePayload(b.next(), payload))
				}
				return all(got...)
			},
		},
		{
			Number: 41, Asked: "a message to oneself", Want: delivered("OFFER", "a", "a", "1"),
			observe: func(c *check) string {
				a := c.reg("a")
				a.send(message("OFFER", "a", "1"))
				return a.next()
			},
		},
		{
			Number: 42, Asked: "a message in a binary frame", Want: delivered("OFFER", "a", "b", "1"),
			observe: func(c *check) string {
				a, b := c.reg("a"), c.reg("b")
				if err := a.conn.WriteMessage(websocket.BinaryMessage, []byte(message("OFFER", "b", "1"))); err != nil {
					c.fail("send: %w", err)
				}
				return b.next()
			},
		},
		{
			Number: 43, Asked: "types OPEN, ERROR, ID-TAKEN, FOO, offer, none, an array", Want: nothing,
			observe: ignored(message("OPEN", "a", ""), message("ERROR", "a", ""), message("ID-TAKEN", "a", ""), message("FOO", "a", ""),
				message("offer", "a", ""), `{"dst":"a"}`, `{"type":["OFFER"],"dst":"a"}`),
		},
		{Number: 44, Asked: "[] and {}", Want: nothing, observe: ignored("[]", "{}")},
		{
			Number: 45, Asked: `not json, an empty frame, null, "x", 5, true; then an OFFER`, Want: "ignored each time", Reference: "hangs each time",
			Why: "a frame that is no message must not end the socket's life",
			observe: func(c *check) string {
				var senders []*socket
				for i, frame := range []string{"not json", "", "null", `"x"`, "5", "true"} {
					s := c.reg(fmt.Sprint("s", i))
					s.send(frame)
					s.ask()
					senders = append(senders, s)
				}
				var got []string
				for start := time.Now(); len(senders) > len(got); {
					s := senders[len(got)]
					got = append(got, same(s.answered(c.due()-time.Since(start)), nothing, "ignored"))
				}
				return all(got...)
			},
		},
		{
			Number: 46, Asked: "HEARTBEAT, alone and with a destination: the sender, the destination", Want: "nothing · nothing",
			observe: func(c *check) string {
				a, b := c.reg("a"), c.reg("b")
				a.send(`{"type":"HEARTBEAT"}`, message("HEARTBEAT", "b", "1"))
				return join(a.heard(), b.heard())
			},
		},
		{
			Number: 47, Asked: "a ping with a payload", Want: "pong hello",
			observe: func(c *check) string {
				a := c.reg("a")
				if err := a.conn.WriteControl(websocket.PingMessage, []byte("hello"), time.Now().Add(patience)); err != nil {
					c.fail("ping: %w", err)
				}
				return a.next()
			},
		},
		{Number: 48, Asked: "two senders to one destination, 100 messages each", Want: "each in order", observe: orderOfTwo},
		{
			Number: 49, Asked: `OFFER without dst, with "" and null, for ten times the expiry`, Options: fast, Want: nothing,
			observe: func(c *check) string {
				a := c.reg("a")
				a.send(`{"type":"OFFER","payload":1}`, `{"type":"OFFER","dst":"","payload":1}`, `{"type":"OFFER","dst":null,"payload":1}`)
				return list(a.collect(10 * fast.ExpireTimeout))
			},
		},
		{Number: 50, Asked: "LEAVE to nobody, who comes later: the sender, who comes", Options: fast, Want: "nothing · " + open, observe: dropped("LEAVE")},
		{Number: 51, Asked: "EXPIRE to nobody, who comes later", Options: fast, Want: "nothing · " + open, observe: dropped("EXPIRE")},
		{
			Number: 52, Asked: "LEAVE without dst: the socket, /peers, a message to it", Options: Options{AllowDiscovery: true},
			Want:      `close 1005 · ["b"] · queued`,
			Reference: `nothing · ["b"] · queued`, Why: "the reference leaves a socket that is neither counted nor looked after",
			observe: func(c *check) string {
				a, b := c.reg("a"), c.reg("b")
				a.send(`{"type":"LEAVE"}`)
				got := join(a.nextWithin(c.due()), c.awaitPeers(`["b"]`))
				b.send(message("OFFER", "a", "1"))
				b.heard()
				return join(got, same(c.reg("a").next(), delivered("OFFER", "b", "a", "1"), "queued"))
			},
		},
		{
			Number: 53, Asked: "then somebody else registers a, and the old socket sends", Options: Options{AllowDiscovery: true},
			Want: nothing, Reference: delivered("OFFER", "a", "b", "1"), Why: "that would be sending under a stranger's name",
			observe: func(c *check) string {
				old, _, b := c.leftover()
				_ = old.trySend(message("OFFER", "b", "1")) // the server may have ended the connection
				return list(b.collect(short))
			},
		},
		{
			Number: 54, Asked: "then the old socket closes: a message to the new a", Options: Options{AllowDiscovery: true},
			Want: delivered("OFFER", "b", "a", "2"), Reference: nothing, Why: "the goodbye of an old socket must not unregister the new one",
			observe: func(c *check) string {
				old, a, b := c.leftover()
				old.sayClose()
				old.collect(moment)
				old.drop()
				b.heard()
				b.send(message("OFFER", "a", "2"))
				return a.nextWithin(c.due())
			},
		},
		{
			Number: 55, Asked: "a payload of 50 MB", Want: "close 1009", Reference: "delivered", Why: "a message has 256 KiB at most; signalling needs a hundredth of it",
			observe: func(c *check) string {
				a, b := c.reg("a"), c.reg("b")
				_ = a.trySend(message("OFFER", "b", `"`+strings.Repeat("x", hugePayload)+`"`)) // the end is read below
				select {
				case got := <-a.in:
					return got
				case got := <-b.in:
					return same(fmt.Sprint(len(got)), fmt.Sprint(len(delivered("OFFER", "a", "b", `""`))+hugePayload), "delivered")
				case <-time.After(patience + c.side.Slack):
					return nothing
				}
			},
		},
	}
}

// orderOfTwo lets two senders race and looks at the order of each.
func orderOfTwo(c *check) string {
	const each = 100
	senders, to := []*socket{c.reg("s0"), c.reg("s1")}, c.reg("to")
	for i := range each {
		for _, s := range senders {
			s.send(message("CANDIDATE", "to", fmt.Sprint(i)))
		}
	}
	next := map[string]int{}
	for _, text := range to.take(2 * each) {
		src := srcOf(text)
		if want := delivered("CANDIDATE", src, "to", fmt.Sprint(next[src])); text != want {
			return fmt.Sprintf("%s where %s is due", text, want)
		}
		next[src]++
	}
	return "each in order"
}

// dropped sends typ to somebody who is not there, but comes.
func dropped(typ string) func(*check) string {
	return func(c *check) string {
		a := c.reg("a")
		a.send(message(typ, "later", "1"))
		a.heard()
		later := c.ws(query(Key, "later", "t"))
		later.id = "later"
		got := later.heard()
		return join(list(a.collect(2*c.options.ExpireTimeout)), got)
	}
}

// leftover makes a socket whose id a was given up and then taken by another.
func (c *check) leftover() (old, a, b *socket) {
	old, b = c.reg("a"), c.reg("b")
	old.rude.Store(true)
	old.send(`{"type":"LEAVE"}`)
	c.awaitPeers(`["b"]`)
	return old, c.regAs("a", "other"), b
}

// same names what was seen if it is what was meant.
func same(got, want, name string) string {
	if got == want {
		return name
	}
	return got
}

func srcOf(text string) string {
	var m struct{ Src *string }
	if json.Unmarshal([]byte(text), &m) != nil || m.Src == nil {
		return text
	}
	return *m.Src
}

// samePayload compares payloads by value.
func samePayload(text, want string) string {
	var m map[string]json.RawMessage
	var got, wanted any
	if json.Unmarshal([]byte(text), &m) != nil {
		return text
	}
	payload, present := m["payload"]
	switch {
	case present != (want != ""):
		return text
	case !present:
		return "equal"
	case json.Unmarshal(payload, &got) != nil || json.Unmarshal([]byte(want), &wanted) != nil || !reflect.DeepEqual(got, wanted):
		return text
	}
	return "equal"
}
