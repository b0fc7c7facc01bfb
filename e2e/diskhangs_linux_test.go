package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// A consensor whose disk hangs goes on answering who reads, decides nothing about
// transactions, and leaves the list. Told to stop, it closes its door and says that
// it has stopped, though the system may keep the process until the disk goes on.
// Nothing that was accepted is lost, and nothing is done by half.
func TestDiskHangs(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "" {
			t.Skip("needs root, to mount and freeze a file system")
		}
		t.Fatal("mounting and freezing a file system needs root, and CI must run this test")
	}
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	disk := mountExt4(t, s)
	args := []string{"consensor", "--archiver", archiver.url(), "--listen", "127.0.0.1:0", "--data", filepath.Join(disk.path, "data")}

	first := s.start(args...)
	s.listed(archiver.url(), first.peerID, eventWithin)
	d := openDoor(t, first)
	w := newWallet(t, d.network(t))
	w.settle(t, d, "kept")

	disk.freeze(t) // until the end of the test at the latest
	hangs := make(chan error, 1)
	text, txID, err := w.create(lib(1))
	if err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the request
		got, err := d.inject(text)
		if err == nil {
			err = fmt.Errorf("the answer %+v", got)
		}
		hangs <- err
	}()
	eventually(t, eventWithin, "the consensor off the list", func() bool {
		return !slices.Contains(peers(web(t), archiver.url()), first.peerID)
	})
	if account, err := d.account(w.id()); err != nil || balance(account) == nil || balance(account).Cmp(lib(50)) != 0 {
		t.Errorf("the account meanwhile is %v, %v; want it with 50 LIB", account, err)
	}
	if receipt, err := d.receipt(txID); err != nil || receipt != nil {
		t.Errorf("the receipt meanwhile is %v, %v; want none", receipt, err)
	}
	again, _, err := newWallet(t, w.network).register("late")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := d.inject(again); err != nil || got != (answer{}) {
		t.Errorf("inject meanwhile = %+v, %v; want a fault", got, err)
	}
	if err := <-hangs; !os.IsTimeout(err) {
		t.Errorf("inject of what the disk was given: %v; want no answer within %v", err, d.client.Timeout)
	}

	if err := first.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := first.await(first.errs, 0, stopWithin, func(r record) bool { return r.text("msg") == "stopped" }); err != nil {
		t.Errorf("no log line \"stopped\" while the disk hangs: %v", err)
	}
	if _, err := d.account(w.id()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a request after the end: %v, want %v", err, syscall.ECONNREFUSED)
	}
	disk.thaw(t)
	if _, ended := first.exit(stopWithin); !ended {
		t.Errorf("it still runs %v after the disk went on", stopWithin)
	}

	second := openDoor(t, s.start(args...))
	receipt, err := second.receipt(txID)
	if err != nil {
		t.Fatal(err)
	}
	want := lib(50)
	if receipt != nil { // the disk took it when it went on: with all that it did
		want = lib(51)
	}
	if account, err := second.account(w.id()); err != nil || balance(account) == nil || balance(account).Cmp(want) != 0 {
		t.Errorf("afterwards the account is %v, %v; want it with %d, receipt %v", account, err, want, receipt)
	}
	newWallet(t, w.network).settle(t, second, "roomy")
}

// A frozenDisk is a file system of its own that can be told to hang.
type frozenDisk struct{ path string }

func mountExt4(t *testing.T, s *site) frozenDisk {
	t.Helper()
	image, path := s.dir("disk.img"), s.dir("disk")
	f, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(64<<20), f.Close(), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, path}} {
		if said, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", command, err, said)
		}
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(path, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return frozenDisk{path}
}

// The requests of linux/fs.h, which have no names in the Go packages.
const (
	fiFreeze = 0xc0045877
	fiThaw   = 0xc0045878
)

// freeze has whatever writes to the disk wait, until thaw or the end of the test.
func (d frozenDisk) freeze(t *testing.T) {
	t.Helper()
	if err := d.ioctl(fiFreeze); err != nil {
		t.Fatalf("freeze: %v", err)
	}
	t.Cleanup(func() {
		if err := d.ioctl(fiThaw); err != nil && !errors.Is(err, syscall.EINVAL) { // EINVAL: it is not frozen
			t.Errorf("thaw: %v", err)
		}
	})
}

func (d frozenDisk) thaw(t *testing.T) {
	t.Helper()
	if err := d.ioctl(fiThaw); err != nil {
		t.Errorf("thaw: %v", err)
	}
}

func (d frozenDisk) ioctl(request uintptr) error {
	f, err := os.Open(d.path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, 0); errno != 0 {
		return errno
	}
	return nil
}
