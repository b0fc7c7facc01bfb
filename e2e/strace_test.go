package e2e

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// Between reading an inject and answering it a consensor completes a sync of the file to which it
// wrote in between: what it accepts is on the disk before it says so. The system calls show it.
func TestSyncBeforeAnswer(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("no strace found: apt-get install strace")
	}
	s := newSite(t)
	archiver := s.archiver()
	trace := s.dir("strace.txt")

	// With -D the consensor, not strace, is our child, and gets our signals.
	args := []string{
		"-D", "-f", "-y", "-s", "64", "-o", trace, "--seccomp-bpf",
		"-e", "trace=read,write,pwrite64,writev,pwritev,fsync,fdatasync,sync_file_range,msync",
		tools.liberdus, "consensor", "--archiver", archiver.url(), "--listen", "127.0.0.1:0", "--data", s.dir("consensor"),
	}
	cmd := exec.CommandContext(context.Background(), strace, args...)
	s.confine(cmd)
	consensor := s.ready(s.supervise("consensor", cmd))
	d := openDoor(t, consensor)
	w := newWallet(t, d.network(t))

	const injects = 5
	for i := range injects {
		text, _, err := newWallet(t, w.network).register("synced" + string(rune('a'+i)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.inject(text); err != nil || !got.Success {
			t.Fatalf("inject = %+v, %v, want success", got, err)
		}
	}
	consensor.stop(t)

	answered := readTrace(t, trace, s.dir("consensor"))
	if len(answered) != injects {
		t.Fatalf("the trace shows %d answered injects, want %d", len(answered), injects)
	}
	for i, inject := range answered {
		if inject.synced == "" {
			t.Errorf("inject %d was answered before a sync had completed; in between:\n%s", i+1, strings.Join(inject.between, "\n"))
		} else if i == 0 {
			t.Logf("in between: %s", strings.Join(inject.between, "\n"))
		}
	}
}

// An injection is what the trace shows between the end of a read of an inject request and the
// begin of the write of its answer.
type injection struct {
	between []string          // calls on files of the data folder
	written string            // the last file written
	synced  string            // the file written whose sync was then begun and completed
	syncing map[string]string // by thread: the file whose sync began after the write
}

// One line of strace -f -y: thread, then call(fd<path>, …) or <... call resumed>.
var (
	callLine    = regexp.MustCompile(`^(\d+) +(\w+)\(\d+<([^>]*)>(.*)$`)
	resumedLine = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)$`)
	returned    = regexp.MustCompile(`\) += (-?\d+)`)
)

// A tracer follows a trace line by line.
type tracer struct {
	data     string            // the data folder
	started  map[string]string // by thread: file of the call that has not returned
	reading  *injection        // the inject being worked on
	socket   string            // where its answer must go
	answered []injection
}

func readTrace(t *testing.T, path, data string) []injection {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	tr := &tracer{data: data, started: map[string]string{}}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		tr.line(lines.Text())
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return tr.answered
}

func (tr *tracer) line(text string) {
	if m := callLine.FindStringSubmatch(text); m != nil {
		thread, call, file, rest := m[1], m[2], m[3], m[4]
		tr.begin(thread, call, file, rest, text)
		if strings.Contains(rest, "<unfinished ...>") {
			tr.started[thread] = file
			return
		}
		tr.end(thread, call, file, rest, text)
	} else if m := resumedLine.FindStringSubmatch(text); m != nil {
		thread, call, rest := m[1], m[2], m[3]
		file := tr.started[thread]
		delete(tr.started, thread)
		tr.end(thread, call, file, rest, text)
	}
}

// begin sees a call made: a write counts from here, an answer is given here, a sync covers what
// was written before it.
func (tr *tracer) begin(thread, call, file, rest, text string) {
	if tr.reading == nil {
		return
	}
	switch {
	case call == "write" && file == tr.socket && strings.Contains(rest, `"HTTP/1.1 `):
		tr.answered = append(tr.answered, *tr.reading)
		tr.reading = nil
	case !strings.HasPrefix(file, tr.data):
	case strings.HasSuffix(call, "sync"):
		if file == tr.reading.written {
			tr.reading.syncing[thread] = file
		}
		tr.reading.between = append(tr.reading.between, text)
	default:
		tr.reading.written = file
		tr.reading.between = append(tr.reading.between, text)
	}
}

// end sees a call returned: only then has a request been read, or a file been synced.
func (tr *tracer) end(thread, call, file, rest, text string) {
	switch {
	// On a connection in use Go's server reads the first byte of a request by itself.
	case call == "read" && strings.Contains(rest, `OST /inject HTTP/`):
		tr.reading, tr.socket = &injection{syncing: map[string]string{}}, file
	case tr.reading == nil:
	case call == "fsync" || call == "fdatasync":
		m := returned.FindStringSubmatch(rest)
		if tr.reading.syncing[thread] == file && m != nil && m[1] == "0" {
			tr.reading.synced = file
		}
		delete(tr.reading.syncing, thread)
	}
}
