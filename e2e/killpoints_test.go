package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/impair"
	"github.com/liberdus/liberdus/internal/needs"
)

// A consensor is killed at twelve points of an inject: by how much of the request has arrived, by
// the system call in which it is, and by how much of its answer has left. Started again, it has
// the transaction if any of its answer can have been read; the same bytes sent once more apply it
// once, whatever became of it before.
func TestKilledAtTwelvePoints(t *testing.T) {
	needs.Root(t, "tracing a process that was not started for it")
	t.Parallel()
	const (
		absent  = "absent"  // it cannot have been taken
		either  = "either"  // nobody was told
		present = "present" // somebody may have been told
	)
	v := newVictim(t)
	v.pay(nil) // how long request and answer are
	head, body, answer := v.head, v.body, v.answer
	points := []struct {
		name string
		kill func() (settled bool)
		then string
	}{
		{"nothing of the request has arrived", v.held(impair.Up, 0), absent},
		{"half of its head", v.held(impair.Up, head/2), absent},
		{"its head", v.held(impair.Up, head), absent},
		{"half of its body", v.held(impair.Up, head+body/2), absent},
		{"all of it but a byte", v.held(impair.Up, head+body-1), absent},
		{"all of it", v.held(impair.Up, head+body), either},
		{"the log is about to be written", v.traced("write,pwrite64,writev,pwritev"), either},
		{"the log is about to be synced", v.traced("fdatasync,fsync,sync_file_range"), either},
		{"nothing of the answer has arrived", v.held(impair.Down, 0), present},
		{"half of the answer", v.held(impair.Down, answer/2), present},
		{"all of it but a byte", v.held(impair.Down, answer-1), present},
		{"all of the answer", func() bool { return v.whole() }, present},
	}
	became := map[bool]int{}
	for i, p := range points {
		text, txID := v.transaction(int64(1000 + i))
		v.text = text
		told := p.kill()
		v.restart()
		receipt, err := v.door.receipt(txID)
		if err != nil {
			t.Fatal(err)
		}
		applied := receipt["success"] == true
		became[applied]++
		switch {
		case p.then == absent && applied, p.then == present && !applied, told && !applied:
			t.Errorf("killed at %q: applied = %v, told so = %v, want %s", p.name, applied, told, p.then)
		}
		t.Logf("%-36s applied: %v", p.name, applied)
		if got, err := v.door.inject(text); err != nil || !got.Success && !strings.Contains(got.Reason, "already in queue") {
			t.Errorf("killed at %q: the same bytes again = %+v, %v", p.name, got, err)
		}
		applies(t, v.door, txID, p.name)
	}
	account, err := v.door.account(v.w.id())
	if err != nil {
		t.Fatal(err)
	}
	if got := balance(account); got == nil || got.Cmp(v.want) != 0 {
		t.Errorf("balance %v, want %v: each of %d once", got, v.want, len(points)+1)
	}
	if became[true] < 4 || became[false] < 5 {
		t.Errorf("applied or not: %v; those before all has arrived cannot be, those answered must be", became)
	}
}

// applies demands that a transaction has a receipt that says success.
func applies(t *testing.T, d door, txID, when string) {
	t.Helper()
	if receipt, err := d.receipt(txID); err != nil || receipt["success"] != true {
		t.Errorf("killed at %q and sent again: receipt %v, %v, want success", when, receipt, err)
	}
}

// A victim is a consensor behind a line, and the wallet that pays at its door.
type victim struct {
	t    *testing.T
	s    *site
	args []string
	role *role
	line *impair.TCP
	door door // past the line
	w    wallet
	want *big.Int // what the wallet should hold

	text               string // of the transaction to send
	head, body, answer int64  // bytes of a request and an answer
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	s := newSite(t)
	archiver := s.archiver()
	v := &victim{t: t, s: s, line: newLine(t), want: lib(50)}
	v.role = s.unlisted(archiver.url())
	v.args = []string{"consensor", "--archiver", archiver.url(), "--listen", v.role.addr, "--data", s.dir("consensor")}
	v.line.Aim(v.role.addr)
	v.door = openDoor(t, v.role)
	v.w = newWallet(t, v.door.network(t))
	v.w.settle(t, v.door, "victim")
	return v
}

// restart starts the consensor again, on the same port and with the same data.
func (v *victim) restart() {
	v.t.Helper()
	v.role = v.s.ready(v.s.launch(v.args...))
	v.door = openDoor(v.t, v.role)
}

func (v *victim) transaction(amount int64) (text, txID string) {
	v.t.Helper()
	text, txID, err := v.w.create(big.NewInt(amount))
	if err != nil {
		v.t.Fatal(err)
	}
	v.want.Add(v.want, big.NewInt(amount))
	return text, txID
}

// pay sends a transaction through the line, all at once, calls then if it is not nil, and reads
// the answer to its end or the connection's. It reports whether that was a success.
func (v *victim) pay(then func()) (success bool) {
	v.t.Helper()
	if v.text == "" {
		v.text, _ = v.transaction(999)
	}
	body, err := json.Marshal(map[string]string{"tx": v.text})
	if err != nil {
		v.t.Fatal(err)
	}
	head := fmt.Sprintf("POST /inject HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(body))
	v.head, v.body = int64(len(head)), int64(len(body))
	conn, err := net.Dial("tcp", v.line.Addr())
	if err != nil {
		v.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(eventWithin))
	if _, err := io.WriteString(conn, head+string(body)); err != nil {
		v.t.Fatal(err)
	}
	if then != nil {
		then()
	}
	answer, err := readAnswer(conn)
	if err == nil {
		v.answer = int64(len(answer))
	}
	return bytes.Contains(answer, []byte(`"success":true`))
}

// readAnswer returns one answer as it came.
func readAnswer(conn net.Conn) ([]byte, error) {
	var raw bytes.Buffer
	response, err := http.ReadResponse(bufio.NewReaderSize(io.TeeReader(conn, &raw), 16), nil)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return raw.Bytes(), err
}

// held kills the consensor when so many bytes have passed in a direction, and no more.
func (v *victim) held(d impair.Direction, after int64) func() bool {
	return func() bool {
		stall := v.line.Stall(d, after)
		return v.pay(func() {
			select {
			case <-stall.Reached():
			case <-time.After(eventWithin):
				v.t.Fatal("so many bytes never passed")
			}
			v.role.kill()
			stall.Lift()
		})
	}
}

// whole kills the consensor when the answer has been read.
func (v *victim) whole() bool {
	defer v.role.kill()
	return v.pay(nil)
}

// traced has strace kill the consensor as it makes one of these calls on the ledger's log.
func (v *victim) traced(calls string) func() bool {
	return func() bool {
		logs, err := filepath.Glob(filepath.Join(v.s.dir("consensor"), "ledger", "*.log"))
		if err != nil || len(logs) == 0 {
			v.t.Fatalf("no log of the ledger: %v", err)
		}
		args := []string{"-f", "-p", fmt.Sprint(v.role.cmd.Process.Pid), "-e", "inject=" + calls + ":signal=KILL:when=1"}
		for _, l := range logs {
			args = append(args, "-P", l)
		}
		cmd := exec.CommandContext(context.Background(), "strace", args...)
		v.s.confine(cmd)
		tracer := spawn(v.t, "strace", cmd)
		v.attached(tracer)
		return v.pay(func() {
			if _, ended := v.role.exit(eventWithin); !ended {
				v.t.Fatalf("it makes no such call: %s", calls)
			}
		})
	}
}

// attached waits until strace holds the consensor.
func (v *victim) attached(tracer *child) {
	v.t.Helper()
	for deadline := time.After(eventWithin); ; {
		lines, news := tracer.errs.from(0)
		if slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "attached") }) {
			return
		}
		select {
		case <-news:
		case <-tracer.exited:
			v.t.Fatal(errors.New("strace ended: " + tracer.errs.text()))
		case <-deadline:
			v.t.Fatal("strace does not attach")
		}
	}
}
