package telemetry_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/telemetry"
)

// A reader that reads nothing holds nobody up; what it missed is counted, in
// its place, once it reads.
func TestWriterWithoutReader(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	a := telemetry.NewWriter(w)
	log, err := telemetry.NewLogger(a, "info")
	if err != nil {
		t.Fatal(err)
	}
	const lines = 4000
	done := make(chan struct{})
	go func() { // waited for below
		defer close(done)
		for i := range lines {
			log.Info("line", "i", i, "pad", strings.Repeat("x", 1000))
		}
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("whoever logs waits for the reader")
	}
	if a.Close(10 * time.Millisecond) {
		t.Error("Close says that all was written, and nobody reads")
	}
	go func() { // ends when all is written
		a.Close(20 * time.Second)
		w.Close()
	}()
	var next, lost int
	for in := bufio.NewScanner(r); in.Scan(); {
		var entry struct {
			Msg      string
			I, Lines int
		}
		if err := json.Unmarshal(in.Bytes(), &entry); err != nil {
			t.Fatalf("line %q: %v", in.Text(), err)
		}
		if entry.Msg != "line" {
			lost += entry.Lines
			continue
		}
		if entry.I != next {
			t.Fatalf("line %d comes where %d should", entry.I, next)
		}
		next++
	}
	if next == 0 || lost == 0 || next+lost != lines {
		t.Errorf("%d lines came and %d are said to be lost, of %d", next, lost, lines)
	}
}

// A disk is where a log is written, and has so much room.
type disk struct {
	mu   sync.Mutex
	text []byte
	room int
}

func (d *disk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(len(p), d.room)
	d.text, d.room = append(d.text, p[:n]...), d.room-n
	if n < len(p) {
		return n, errors.New("no space left on device")
	}
	return n, nil
}

// Lines that find no room on the disk are counted as lost, none of them twice and none of those
// that came: what was written stays readable, and says how many are missing.
func TestWriterWithoutRoom(t *testing.T) {
	d := &disk{room: 25}
	a := telemetry.NewWriter(d)
	say := func(lines ...string) {
		t.Helper()
		for _, line := range lines {
			fmt.Fprintf(a, "{%q:1}\n", line)
			for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
				if _, waiting, _ := a.Backlog(); waiting == 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("it does not try to write")
				}
			}
		}
	}
	say("kept", "kept", "torn", "lost", "lost") // 11 bytes each
	if lost, _, _ := a.Backlog(); lost != 3 {
		t.Errorf("%d lines are lost, want 3", lost)
	}
	d.mu.Lock()
	d.room = 1000
	d.mu.Unlock()
	say("later")
	if !a.Close(10 * time.Second) {
		t.Fatal("not all is written")
	}
	got := strings.Split(strings.TrimSpace(string(d.text)), "\n")
	if len(got) != 5 || got[0] != `{"kept":1}` || got[1] != `{"kept":1}` || got[4] != `{"later":1}` {
		t.Errorf("the disk has %q", got)
	}
	if len(got) > 3 && (!strings.Contains(got[3], "could not be written") || !strings.Contains(got[3], `"lines":3}`)) {
		t.Errorf("of what is lost it says %s", got[3])
	}
	if lost, _, _ := a.Backlog(); lost != 3 {
		t.Errorf("%d lines are lost in the end, want 3", lost)
	}
}

// All that was taken is written before Close returns, in order.
func TestWriterClose(t *testing.T) {
	var out bytes.Buffer
	a := telemetry.NewWriter(&out)
	want := ""
	for i := range 100 {
		fmt.Fprintln(a, i)
		want += fmt.Sprintln(i)
	}
	if !a.Close(10*time.Second) || out.String() != want {
		t.Errorf("written at Close: %q", &out)
	}
}

// Characters that hide or turn others are seen in the log, and read back.
func TestLogEscapesWhatIsNotPrinted(t *testing.T) {
	for _, tt := range []struct{ id, want string }{
		{"plain", `"plain"`},
		{"zoë 漢 🙂", `"zoë 漢 🙂"`},
		{"a\u202egnp", `"a\u202egnp"`},
		{"\u200b\u2066\ufeff", `"\u200b\u2066\ufeff"`},
		{"\u009b\x7f", `"\u009b\u007f"`},
		{"\U000e0041", `"\udb40\udc41"`},
		{`a\u202e`, `"a\\u202e"`},
	} {
		t.Run(fmt.Sprintf("%+q", tt.id), func(t *testing.T) {
			var out bytes.Buffer
			log, err := telemetry.NewLogger(&out, "info")
			if err != nil {
				t.Fatal(err)
			}
			log.Info("m", "peer", tt.id)
			if !strings.Contains(out.String(), `"peer":`+tt.want+"}") {
				t.Errorf("line %s, want peer %s", &out, tt.want)
			}
			var entry struct{ Peer string }
			if err := json.Unmarshal(out.Bytes(), &entry); err != nil || entry.Peer != tt.id {
				t.Errorf("peer is read back as %q, %v", entry.Peer, err)
			}
		})
	}
}

// A slow is a log's reader who waits to be let go before each write.
type slow struct {
	next   chan struct{}
	writes []string
}

func (s *slow) Write(p []byte) (int, error) {
	<-s.next
	s.writes = append(s.writes, string(p))
	return len(p), nil
}

// Lines that wait are written together, but not all of them at once.
func TestWriterJoinsWhatWaits(t *testing.T) {
	out := &slow{next: make(chan struct{})}
	a := telemetry.NewWriter(out)
	line := strings.Repeat("x", 99) + "\n"
	for range 1000 {
		fmt.Fprint(a, line)
	}
	close(out.next)
	if !a.Close(10 * time.Second) {
		t.Fatal("not all is written")
	}
	if got := strings.Join(out.writes, ""); got != strings.Repeat(line, 1000) {
		t.Errorf("%d bytes were written, want 1,000 lines", len(got))
	}
	if n := len(out.writes); n < 5 || n > 10 {
		t.Errorf("in %d writes, want some", n)
	}
	for _, w := range out.writes {
		if !strings.HasSuffix(w, "\n") || len(w) > 17<<10 {
			t.Errorf("a write of %d bytes that ends in %q", len(w), w[len(w)-1])
		}
	}
}
