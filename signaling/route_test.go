package signaling_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/liberdus/liberdus/signaling"
)

func TestRelay(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	a, b := s.join(t, "a", "t"), s.join(t, "b", "t")
	for _, tt := range []struct{ name, sent, want string }{ // want "": nothing
		{"offer", `{"type":"OFFER","dst":"b","payload":{"sdp":"v=0"}}`, `{"type":"OFFER","src":"a","dst":"b","payload":{"sdp":"v=0"}}`},
		{"answer", `{"type":"ANSWER","dst":"b","payload":1}`, `{"type":"ANSWER","src":"a","dst":"b","payload":1}`},
		{"candidate", `{"type":"CANDIDATE","dst":"b","payload":1}`, `{"type":"CANDIDATE","src":"a","dst":"b","payload":1}`},
		{"leave", `{"type":"LEAVE","dst":"b"}`, `{"type":"LEAVE","src":"a","dst":"b"}`},
		{"leave with payload", `{"type":"LEAVE","dst":"b","payload":{}}`, `{"type":"LEAVE","src":"a","dst":"b","payload":{}}`},
		{"expire", `{"type":"EXPIRE","dst":"b"}`, `{"type":"EXPIRE","src":"a","dst":"b"}`},
		{"forged src", `{"type":"OFFER","src":"mallory","dst":"b","payload":1}`, `{"type":"OFFER","src":"a","dst":"b","payload":1}`},
		{"other members", `{"id":"x","type":"OFFER","extra":[{}],"dst":"b","payload":1,"z":"}"}`, `{"type":"OFFER","src":"a","dst":"b","payload":1}`},
		{"members in another order", `{"payload":{"dst":"c","type":"X"},"dst":"b","type":"OFFER"}`, `{"type":"OFFER","src":"a","dst":"b","payload":{"dst":"c","type":"X"}}`},
		{"absent payload", `{"type":"OFFER","dst":"b"}`, `{"type":"OFFER","src":"a","dst":"b"}`},
		{"null payload", `{"type":"OFFER","dst":"b","payload":null}`, `{"type":"OFFER","src":"a","dst":"b","payload":null}`},
		{"payload bytes", ` { "type" : "OFFER" , "dst" : "b" , "payload" : [ 1.0, 1e2, 12345678901234567890, "<&>é\u00e9\ud800" ] } `, `{"type":"OFFER","src":"a","dst":"b","payload":[ 1.0, 1e2, 12345678901234567890, "<&>é\u00e9\ud800" ]}`},
		{"string payload", `{"type":"OFFER","dst":"b","payload":"}\"{"}`, `{"type":"OFFER","src":"a","dst":"b","payload":"}\"{"}`},
		{"last duplicate", `{"type":"ANSWER","dst":"c","payload":1,"type":"OFFER","dst":"b","payload":2}`, `{"type":"OFFER","src":"a","dst":"b","payload":2}`},
		{"escaped names", `{"\u0074ype":"OFFE\u0052","d\u0073t":"\u0062","payload":3}`, `{"type":"OFFER","src":"a","dst":"b","payload":3}`},
		{"names have case", `{"type":"OFFER","Dst":"b","dst":"b","Payload":4}`, `{"type":"OFFER","src":"a","dst":"b"}`},
		{"unknown types", `{"type":"OPEN","dst":"b"}|{"type":"ERROR","dst":"b"}|{"type":"ID-TAKEN","dst":"b"}|{"type":"FOO","dst":"b"}|{"type":"offer","dst":"b"}|{"dst":"b"}|{"type":["OFFER"],"dst":"b"}|{"type":5,"dst":"b"}`, ""},
		{"not objects", `[]|{}|not json||null|"x"|5|true|{"type":"OFFER","dst":"b"|{"type":"OFFER","dst":"b"}}` + "|\ufeff{\"type\":\"OFFER\",\"dst\":\"b\"}", ""},
		{"heartbeats", `{"type":"HEARTBEAT"}|{"type":"HEARTBEAT","dst":"b"}|{"type":"HEARTBEAT","payload":{}}`, ""},
		{"no destination", `{"type":"OFFER"}|{"type":"OFFER","dst":""}|{"type":"OFFER","dst":null}|{"type":"OFFER","dst":0}|{"type":"EXPIRE"}`, ""},
		{"destination no string", `{"type":"OFFER","dst":5}|{"type":"OFFER","dst":["b"]}|{"type":"OFFER","dst":{"b":1}}|{"type":"OFFER","dst":true}|{"type":"LEAVE","dst":5}`, ""},
		{"leave and expire to nobody", `{"type":"LEAVE","dst":"nobody"}|{"type":"EXPIRE","dst":"nobody"}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a.send(strings.Split(tt.sent, "|")...)
			if tt.want != "" {
				b.expect(tt.want)
			}
			a.expectQuiet() // so all of it has been routed
			b.expectQuiet()
		})
	}
	s.join(t, "nobody", "t").expectQuiet() // LEAVE and EXPIRE do not wait
	st := s.Stats()
	for drop, n := range map[signaling.Drop]uint64{
		signaling.DropUnknownType: 8 + 1, signaling.DropMalformed: 10, signaling.DropAbsent: 2, signaling.DropBadDst: 5 + 5,
	} {
		if st.Dropped[drop] != n {
			t.Errorf("dropped as %s = %d, want %d", drop, st.Dropped[drop], n)
		}
	}
}

func TestBinaryFramesAreRoutedAsText(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	a, b := s.join(t, "a", "t"), s.join(t, "b", "t")
	for _, tt := range []struct{ sent, want string }{
		{`{"type":"OFFER","dst":"b","payload":1}`, `{"type":"OFFER","src":"a","dst":"b","payload":1}`},
		{"{\"type\":\"OFFER\",\"dst\":\"b\",\"payload\":\"\xff\"}", "{\"type\":\"OFFER\",\"src\":\"a\",\"dst\":\"b\",\"payload\":\"\ufffd\"}"},
	} {
		if err := a.conn.WriteMessage(websocket.BinaryMessage, []byte(tt.sent)); err != nil {
			t.Fatal(err)
		}
		b.expect(tt.want) // which also checks that it is text
	}
}

func TestStrangeIDsAreQuoted(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	odd := `"q\ <&> é €`
	a, b := s.join(t, odd, "t"), s.join(t, "b", "t")
	a.send(`{"type":"OFFER","dst":"b"}`)
	b.expect(`{"type":"OFFER","src":"\"q\\ <&> é €","dst":"b"}`)
	b.send(`{"type":"ANSWER","dst":"\u0022q\\ <&> \u00e9 €"}`)
	a.expect(`{"type":"ANSWER","src":"b","dst":"\"q\\ <&> é €"}`)
}

func TestToOneself(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	a := s.join(t, "a", "t")
	a.send(`{"type":"OFFER","dst":"a","payload":1}`)
	a.expect(`{"type":"OFFER","src":"a","dst":"a","payload":1}`)
}

func TestPingIsAnswered(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	a := s.join(t, "a", "t")
	got := make(chan string, 1)
	a.conn.SetPongHandler(func(payload string) error { got <- payload; return nil })
	if err := a.conn.WriteMessage(websocket.PingMessage, []byte("payload")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pong", func() bool { a.expectQuiet(); return len(got) > 0 })
	if p := <-got; p != "payload" {
		t.Errorf("pong = %q, want payload", p)
	}
}

func TestQueuedMessagesComeAfterOPEN(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	a := s.join(t, "a", "t")
	a.send(`{"type":"OFFER","dst":"b","payload":1}`, `{"type":"CANDIDATE","dst":"b","payload":2}`, `{"type":"LEAVE","dst":"b"}`,
		`{"type":"EXPIRE","dst":"b"}`, `{"type":"ANSWER","dst":"b","payload":3}`)
	a.expectQuiet()
	a.conn.Close() // messages outlive their sender
	s.awaitGone(t, "a")
	b := s.join(t, "b", "t")
	b.expect(`{"type":"OFFER","src":"a","dst":"b","payload":1}`, `{"type":"CANDIDATE","src":"a","dst":"b","payload":2}`, `{"type":"ANSWER","src":"a","dst":"b","payload":3}`)
	b.expectQuiet()
	if st := s.Stats(); st.Queues != 0 || st.QueuedBytes != 0 {
		t.Errorf("after the flush %d queues with %d bytes are left", st.Queues, st.QueuedBytes)
	}
}

func TestLeaveGivesTheIDUp(t *testing.T) {
	for _, leave := range []string{
		`{"type":"LEAVE"}`, `{"type":"LEAVE","dst":""}`, `{"type":"LEAVE","dst":null}`,
		`{"type":"LEAVE","dst":0}`, `{"type":"LEAVE","dst":-0.0e7}`, `{"type":"LEAVE","dst":false}`,
	} {
		t.Run(leave, func(t *testing.T) {
			s := startSite(t, signaling.Hooks{}, nil)
			a, b := s.join(t, "a", "t"), s.join(t, "b", "t")
			a.send(leave)
			s.awaitGone(t, "a")
			// Somebody else takes the id while the old socket is still open.
			next := s.join(t, "a", "another")
			a.send(`{"type":"OFFER","dst":"b","payload":"impostor"}`, leave)
			a.expectClose(websocket.CloseNoStatusReceived)
			a.conn.Close()
			eventually(t, "the old socket is gone", func() bool { return s.Stats().Sockets == 2 })
			b.expectQuiet()
			b.send(`{"type":"OFFER","dst":"a","payload":1}`)
			next.expect(`{"type":"OFFER","src":"b","dst":"a","payload":1}`)
		})
	}
}

func TestEachSendersOrderIsKept(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	b := s.join(t, "b", "t")
	const n = 100
	for _, id := range []string{"x", "y"} {
		p := s.join(t, id, "t")
		go func() {
			for i := range n {
				_ = p.conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"type":"CANDIDATE","dst":"b","payload":%d}`, i))
			}
		}()
	}
	next := map[string]int{}
	for range 2 * n {
		frame, err := b.read()
		if err != nil {
			t.Fatal(err)
		}
		m, err := signaling.ParseMessage([]byte(frame))
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprint(next[m.Src]); string(m.Payload) != want {
			t.Fatalf("from %s: payload %s, want %s", m.Src, m.Payload, want)
		}
		next[m.Src]++
	}
}
