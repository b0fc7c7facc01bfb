package rtc_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/pion/stun"

	"github.com/liberdus/liberdus/rtc"
)

// FuzzUfrag compares whom we think a packet is for with what pion reads in it.
func FuzzUfrag(f *testing.F) {
	genuine, err := stun.Build(stun.BindingRequest, stun.NewTransactionIDSetter([stun.TransactionIDSize]byte{1}),
		stun.NewUsername("abcd:efgh"), stun.NewShortTermIntegrity("password"), stun.Fingerprint)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(genuine.Raw)
	f.Add(stunRequest("a:b"))
	f.Add(stunRequest(""))
	f.Add(stunRequest(":b"))
	f.Add(stunRequest(strings.Repeat("a", 300) + ":b"))
	f.Add(append(stunRequest("a:b"), 1, 2, 3))
	f.Add(stunRequest("a:b")[:22])
	f.Add([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := rtc.LocalUfrag(b)
		if ok && (got == "" || len(got) > 256 || strings.Contains(got, ":")) {
			t.Fatalf("LocalUfrag = %q", got)
		}
		if !stun.IsMessage(b) {
			if ok {
				t.Fatalf("%q was found in what is no STUN message", got)
			}
			return
		}
		m := &stun.Message{Raw: bytes.Clone(b)}
		if m.Decode() != nil || m.Type != stun.BindingRequest || b[0] >= 4 || b[3]%4 != 0 {
			return // pion takes type bits that are to be zero, and sizes that are no multiple of 4
		}
		var name stun.Username
		if name.GetFrom(m) != nil {
			return
		}
		want, _, colon := strings.Cut(string(name), ":")
		if colon && want != "" && len(want) <= 256 && got != want {
			t.Errorf("LocalUfrag = %q, pion reads %q", got, want)
		}
	})
}

// FuzzFrame reads any stream as packets: it ends, and no packet is longer than
// the buffer.
func FuzzFrame(f *testing.F) {
	f.Add(framed(stunRequest("a:b")))
	f.Add(append(framed([]byte("one")), framed([]byte("two"))...))
	f.Add([]byte{0xff, 0xff, 1})
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, stream []byte) {
		r, buf, read := bytes.NewReader(stream), make([]byte, 512), 0
		for {
			n, err := rtc.ReadFrame(r, buf)
			if err != nil {
				break
			}
			if !bytes.Equal(buf[:n], stream[read+2:read+2+n]) {
				t.Fatalf("packet %q is not what the stream holds at %d", buf[:n], read)
			}
			read += 2 + n
		}
		if rest := stream[read:]; r.Len() == 0 && len(rest) >= 2 && int(rest[0])<<8+int(rest[1]) <= min(len(rest)-2, len(buf)) {
			t.Errorf("a whole packet was not read: %q", rest)
		}
	})
}
