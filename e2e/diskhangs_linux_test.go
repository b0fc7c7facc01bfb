package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/liberdus/liberdus/internal/needs"
)

// A consensor whose disk hangs goes on answering who reads, decides nothing about
// transactions, and leaves the list. Told to stop, it closes its door and says that
// it has stopped, though the system may keep the process until the disk goes on.
// Nothing that was accepted is lost, and nothing is done by half.
func TestDiskHangs(t *testing.T) {
	needs.Root(t, "mounting and freezing a file system")
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

// An archiver whose disk hangs goes on with the list that it has, says that it is not
// well, and signals sessions as before. Who has left is off the list once the disk
// goes on. Told to stop, it says so and closes its doors.
func TestDiskOfAnArchiverHangs(t *testing.T) {
	needs.Root(t, "mounting and freezing a file system")
	t.Parallel()
	s := newSite(t)
	disk := mountExt4(t, s)
	args := []string{"archiver", "--listen", "127.0.0.1:0", "--node-listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--data", filepath.Join(disk.path, "data")}
	archiver := s.start(args...)
	stays := s.consensor(archiver.url())
	leaves := s.beside(archiver.url(), stays, "leaves")

	disk.freeze(t)
	leaves.stop(t)
	ready, _ := archiver.errs.find(0, func(r record) bool { return r.text("msg") == "ready" })
	eventually(t, eventWithin, "the archiver's word that it is not well", func() bool {
		response, err := web(t).Get("http://" + ready.text("opsAddr") + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		text, err := drain(response)
		return err == nil && response.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(text), "kept on disk")
	})
	if listed := peers(web(t), archiver.url()); len(listed) != 2 {
		t.Errorf("the list meanwhile has %q, want that of before, of 2", listed)
	}
	if r := s.run("client", "account", "--archiver", archiver.url(), strings.Repeat("0", 64)); r.code != 0 {
		t.Errorf("a client meanwhile: code %d, %s", r.code, r.stderr)
	}
	disk.thaw(t)
	eventually(t, eventWithin, "a list of one", func() bool {
		return slices.Equal(peers(web(t), archiver.url()), []string{stays.peerID})
	})

	disk.freeze(t)
	stays.stop(t)
	if err := archiver.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := archiver.await(archiver.errs, 0, stopWithin, func(r record) bool { return r.text("msg") == "stopped" }); err != nil {
		t.Errorf("no log line \"stopped\" while the disk hangs: %v", err)
	}
	disk.thaw(t)
	if _, ended := archiver.exit(stopWithin); !ended {
		t.Errorf("it still runs %v after the disk went on", stopWithin)
	}
	s.start(args...) // on what the first left
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
