package rtc_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/binarypack"
	"github.com/liberdus/liberdus/rtc"
)

// What a peer sends on a connection of each serialisation, and what an echo
// of it is.
func TestSerialisations(t *testing.T) {
	type exchange struct {
		name       string
		send, want frame
	}
	text := func(s string) frame { return frame{true, s} }
	bin := func(s string) frame { return frame{false, s} }
	pack := func(hexa string) frame {
		raw, err := hex.DecodeString(hexa)
		if err != nil {
			t.Fatal(err)
		}
		return bin(string(raw))
	}
	for _, tt := range []struct {
		serialization string
		exchanges     []exchange
	}{
		{"binary", []exchange{
			{"an object", pack("82b16101b16292c3c0"), pack("82b16101b16292c3c0")},
			{"text", pack("b26869"), pack("b26869")},
			{"JSON as bytes", bin("\xa7" + `{"a":1}`), pack("81b16101")},
			{"bytes within", pack("81b164a401020304"), bin("\x81\xb1d\xb8AQIDBA==")},
			{"a number over 2^53", pack("d30020000000000002"), pack("cb4340000000000001")},
			{"undefined within", pack("82b161c1b16202"), pack("81b16202")},
			{"a bare null", pack("c0"), bin("\xb6cannot")},
			{"bytes that are no JSON", pack("a101"), bin("\xb6cannot")},
			{"an unknown code", pack("c4"), bin("\xb9malformed")},
			{"an array of 2^32", pack("ddffffffff"), bin("\xb9malformed")},
			{"depth", pack(strings.Repeat("91", 60_000)), bin("\xb9malformed")},
			{"nothing", bin(""), bin("\xb9malformed")},
			{"a text frame", text("hi"), bin("\xb9malformed")},
			{"a chunk that lacks a member", pack("81ba5f5f706565724461746101"), bin("\xb9malformed")},
		}},
		{"binary-utf8", []exchange{{"text", pack("b26869"), pack("b26869")}}},
		{"default", []exchange{{"text", pack("b26869"), pack("b26869")}}},
		{"json", []exchange{
			{"an object", bin(`{"a":1}`), bin(`{"a":1}`)},
			{"a bare null", bin(` null `), bin(`"cannot"`)},
			{"what is no JSON", bin(`{`), bin(`{`)},
			{"a member that PeerJS uses", bin(`{"__peerData":{"type":"x"}}`), bin(`{"__peerData":{"type":"x"}}`)},
		}},
		{"raw", []exchange{
			{"text", text(`{"a":1}`), text(`{"a":1}`)},
			{"bytes", bin(`{"a":1}`), text(`{"a":1}`)},
			{"null", text(`null`), text(`null`)},
			{"a flushing close, on raw", text(`[object Object]`), text(`[object Object]`)},
		}},
		{"none", []exchange{{"text", text(`{"a":1}`), text(`{"a":1}`)}}},
	} {
		t.Run(tt.serialization, func(t *testing.T) {
			h := newHub()
			n, _ := startEcho(t, h, func(c *rtc.Config) { c.Serve = echoOrSay })
			p, ok := dialPeerJS(t, h, n, "dc_1", map[string]any{"serialization": tt.serialization})
			if !ok {
				t.Fatal("no connection")
			}
			for _, x := range tt.exchanges {
				p.send(t, x.send)
				if got := p.next(t); got != x.want {
					t.Errorf("%s: got %+v, want %+v", x.name, got, x.want)
				}
			}
		})
	}
}

// echoOrSay is echo for channels that do not carry every text: it says so in
// JSON.
func echoOrSay(ctx context.Context, s *rtc.Session) {
	for {
		msg, err := s.Recv()
		switch {
		case errors.Is(err, rtc.ErrMalformed):
			msg = []byte(`"malformed"`)
		case err != nil:
			return
		}
		err = s.Send(ctx, msg)
		if errors.Is(err, rtc.ErrMalformed) {
			err = s.Send(ctx, []byte(`"cannot"`))
		}
		if err != nil {
			return
		}
	}
}

func (p *peerjs) send(t *testing.T, f frame) {
	t.Helper()
	var err error
	if f.text {
		err = p.dc.SendText(f.data)
	} else {
		err = p.dc.Send([]byte(f.data))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Long values travel in chunks, on an unordered channel in any order.
func TestPeerJSChunks(t *testing.T) {
	h := newHub()
	n, _ := startEcho(t, h, nil)
	p, ok := dialPeerJS(t, h, n, "dc_1", map[string]any{"serialization": "binary"})
	if !ok {
		t.Fatal("no connection")
	}
	value, err := binarypack.FromJSON([]byte(`"` + strings.Repeat("0123456789", 5000) + `"`))
	if err != nil {
		t.Fatal(err)
	}
	var chunks []binarypack.Chunk
	for i := uint64(0); i*binarypack.ChunkSize < uint64(len(value)); i++ {
		part := value[i*binarypack.ChunkSize:]
		chunks = append(chunks, binarypack.Chunk{Message: 1, Index: i, Total: 4, Data: part[:min(len(part), binarypack.ChunkSize)]})
	}
	for _, i := range []int{2, 0, 0, 3, 1, 2} { // some twice
		p.send(t, frame{false, string(chunks[i].Append(nil))})
	}
	var back []byte
	for i := range uint64(4) {
		c, _, err := binarypack.ReadPeerData([]byte(p.next(t).data))
		if err != nil || c.Message != 1 || c.Index != i || c.Total != 4 {
			t.Fatalf("chunk %d = %d/%d of message %d, %v", i, c.Index, c.Total, c.Message, err)
		}
		back = append(back, c.Data...)
	}
	if !bytes.Equal(back, value) {
		t.Errorf("%d bytes came back for %d", len(back), len(value))
	}
}

// PeerJS announces a close after flushing by a message of its own.
func TestPeerJSCloseMessage(t *testing.T) {
	for serialization, msg := range map[string]string{
		"json":   `{"__peerData":{"type":"close"}}`,
		"binary": "\x81\xba__peerData\x81\xb4type\xb5close",
	} {
		t.Run(serialization, func(t *testing.T) {
			h := newHub()
			n, _ := startEcho(t, h, nil)
			p, ok := dialPeerJS(t, h, n, "dc_1", map[string]any{"serialization": serialization})
			if !ok {
				t.Fatal("no connection")
			}
			p.send(t, frame{false, msg})
			select {
			case <-p.closed:
			case <-time.After(5 * time.Second):
				t.Error("the node did not close")
			}
		})
	}
}
