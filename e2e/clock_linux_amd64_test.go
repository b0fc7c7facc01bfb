package e2e

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// x86-64's number of the system call, and what it and the ELF auxiliary vector say.
const (
	sysClockGettime = 228
	clockRealtime   = 0
	auxVDSO         = 33 // AT_SYSINFO_EHDR: where the kernel's own library is
	auxIgnore       = 1
)

// clockEnv has this test binary run the command of its arguments with a clock that is off by that much, and
// after SIGUSR1 by what it names behind a comma.
const clockEnv = "LIBERDUS_E2E_CLOCK"

// runElsewhen is the process that clockEnv asks for. It is one of its own since it waits for any child.
func runElsewhen() (asked bool, code int) {
	if os.Getenv(clockEnv) == "" {
		return false, 0
	}
	first, then, _ := strings.Cut(os.Getenv(clockEnv), ",")
	off, err := time.ParseDuration(first)
	var clock atomic.Int64
	clock.Store(int64(off))
	if then != "" && err == nil {
		off, err = time.ParseDuration(then)
		set := make(chan os.Signal, 1)
		signal.Notify(set, syscall.SIGUSR1)
		go func() { // as long as the process
			<-set
			clock.Store(int64(off))
		}()
	}
	if err == nil {
		cmd := exec.Command(os.Args[1], os.Args[2:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		code, err = elsewhen(cmd, &clock)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return true, 99
	}
	return true, code
}

// elsewhen runs a command to its end on a machine whose clock is off. Time namespaces leave the wall clock
// alone, so a tracer stands in for such a machine: it hides the kernel's library, by which programs read the
// clock without a system call, and changes what the system call answers.
func elsewhen(cmd *exec.Cmd, off *atomic.Int64) (code int, err error) {
	runtime.LockOSThread() // the tracer is a thread
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	main := cmd.Process.Pid
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() { // as long as the process
		for range stop {
			_ = syscall.Kill(main, syscall.SIGTERM)
		}
	}()
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(main, &status, 0, nil); err != nil { // stopped at its first instruction
		return 0, err
	}
	const options = syscall.PTRACE_O_TRACESYSGOOD | syscall.PTRACE_O_TRACECLONE | 0x100000 // EXITKILL
	err = errors.Join(hideVDSO(main), syscall.PtraceSetOptions(main, options), syscall.PtraceSyscall(main, 0))
	if err != nil {
		_ = cmd.Process.Kill()
		return 0, err
	}
	inside := map[int]bool{} // threads that are in a system call
	for {
		thread, err := syscall.Wait4(-1, &status, syscall.WALL, nil)
		if err != nil {
			return 0, err
		}
		if status.Exited() || status.Signaled() {
			if thread == main {
				return status.ExitStatus(), nil
			}
			continue
		}
		pass := 0
		switch signal := status.StopSignal(); {
		case signal == syscall.SIGTRAP|0x80:
			if inside[thread] = !inside[thread]; !inside[thread] {
				shiftClock(thread, time.Duration(off.Load()))
			}
		case signal != syscall.SIGTRAP && signal != syscall.SIGSTOP: // SIGSTOP: a thread begins
			pass = int(signal)
		}
		_ = syscall.PtraceSyscall(thread, pass) // an error: it has ended
	}
}

// hideVDSO changes the auxiliary vector, above the arguments and the environment on the stack.
func hideVDSO(pid int) error {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(pid, &regs); err != nil {
		return err
	}
	at := uintptr(regs.Rsp)
	word := func() (uint64, error) {
		var b [8]byte
		_, err := syscall.PtracePeekData(pid, at, b[:])
		at += 8
		return binary.LittleEndian.Uint64(b[:]), err
	}
	for zeros := 0; zeros < 2; { // behind the arguments, and behind the environment
		w, err := word()
		if err != nil {
			return err
		}
		if w == 0 {
			zeros++
		}
	}
	for {
		kind, err := word()
		if err != nil {
			return err
		}
		switch kind {
		case auxVDSO:
			_, err := syscall.PtracePokeData(pid, at-8, binary.LittleEndian.AppendUint64(nil, auxIgnore))
			return err
		case 0:
			return errors.New("there is no vDSO to hide")
		}
		at += 8
	}
}

// shiftClock changes the seconds that a thread has just been told.
func shiftClock(thread int, off time.Duration) {
	var regs syscall.PtraceRegs
	if syscall.PtraceGetRegs(thread, &regs) != nil || regs.Orig_rax != sysClockGettime || regs.Rdi != clockRealtime || regs.Rax != 0 {
		return
	}
	var b [8]byte
	if _, err := syscall.PtracePeekData(thread, uintptr(regs.Rsi), b[:]); err == nil {
		seconds := binary.LittleEndian.Uint64(b[:]) + uint64(off/time.Second)
		_, _ = syscall.PtracePokeData(thread, uintptr(regs.Rsi), binary.LittleEndian.AppendUint64(nil, seconds))
	}
}

// A user whose machine's clock is ten minutes off reads, signs and sends: what is signed has the network's time,
// and a warning says so.
func TestOwnClockTenMinutesOff(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	s.consensor(archiver.url())
	key := s.dir("key.json")
	s.run("client", "keygen", "--out", key).exits(0)
	run := func(t *testing.T, off time.Duration, stdin string, args ...string) result {
		t.Helper()
		s := &site{t: t, home: s.home, env: []string{clockEnv + "=" + off.String()}, wrapper: os.Args[0]}
		return s.pipe(stdin, args...).exits(0)
	}
	for _, tt := range []struct {
		off  time.Duration
		what []string
	}{
		{-10 * time.Minute, []string{"client", "tx", "register", "--alias", "slowclock"}},
		{10 * time.Minute, []string{"client", "tx", "create", "--amount", "1"}},
	} {
		t.Run(tt.off.String(), func(t *testing.T) {
			tx := run(t, tt.off, "", append(tt.what, "--key", key, "--archiver", archiver.url())...)
			done := run(t, tt.off, tx.stdout, "client", "inject", "--wait", "--archiver", archiver.url(), "-")
			if done.json()["success"] != true {
				done.fatalf("want it done")
			}
			for _, r := range []result{tx, done} {
				if !strings.Contains(r.stderr, "clock differs") {
					r.fatalf("want a warning about the clock")
				}
			}
		})
	}
}

// The clock of an archiver is set while it runs, as by a machine that has just found out what time it is: the
// session that there was goes on, clients are let in at once, and a node that is started anew is listed.
func TestClockIsSet(t *testing.T) {
	t.Parallel()
	for _, to := range []time.Duration{-10 * time.Minute, 10 * time.Minute} {
		t.Run(to.String(), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			elsewhen := &site{t: t, home: s.home, env: []string{clockEnv + "=0s," + to.String()}, wrapper: os.Args[0]}
			archiver := elsewhen.archiver()
			node := s.consensor(archiver.url())
			talker := s.talk(archiver.url(), node)

			if err := archiver.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
				t.Fatal(err)
			}
			eventually(t, eventWithin, "the archiver's clock is another", func() bool {
				return archiver.ahead(t).Round(time.Minute) == to
			})
			asked := time.Now()
			eventually(t, 5*time.Second, "a newcomer is answered", func() bool {
				return s.run("client", "account", "--archiver", archiver.url(), strings.Repeat("0", 64)).code == 0
			})
			t.Logf("a newcomer is answered after %v", time.Since(asked).Round(time.Millisecond))
			talker.more(t, "reply", 3, noticed)
			if ended := talker.events("ended"); len(ended) > 0 {
				t.Errorf("the session ended: %v", ended)
			}
			talker.stop(t)

			node.kill()
			node = s.start("consensor", "--archiver", archiver.url(), "--listen", node.addr, "--data", s.dir("consensor"))
			s.listed(archiver.url(), node.peerID, eventWithin)
			s.run("client", "account", "--archiver", archiver.url(), "--peer", node.peerID, strings.Repeat("0", 64)).exits(0)
		})
	}
}

// ahead is how far the archiver's clock is ahead of this one.
func (r *role) ahead(t *testing.T) time.Duration {
	t.Helper()
	res, err := web(t).Get(r.url() + "/rtc?nonce=0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	text, err := drain(res)
	if err != nil {
		t.Fatal(err)
	}
	var told struct{ Time int64 }
	if err := json.Unmarshal(text, &told); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return time.Until(time.UnixMilli(told.Time))
}
