package e2e

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
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

// clockEnv has this test binary run the command of its arguments with a clock that is off by that much.
const clockEnv = "LIBERDUS_E2E_CLOCK"

// runElsewhen is the process that clockEnv asks for. It is one of its own since it waits for any child.
func runElsewhen() (asked bool, code int) {
	off, err := time.ParseDuration(os.Getenv(clockEnv))
	if os.Getenv(clockEnv) == "" {
		return false, 0
	}
	if err == nil {
		cmd := exec.Command(os.Args[1], os.Args[2:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		code, err = elsewhen(cmd, off)
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
func elsewhen(cmd *exec.Cmd, off time.Duration) (code int, err error) {
	runtime.LockOSThread() // the tracer is a thread
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	main := cmd.Process.Pid
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
				shiftClock(thread, off)
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
