package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/needs"
)

// A consensor whose disk is full accepts nothing that it cannot keep, leaves the list and ends with
// code 1. Started again it says why it cannot run, and ends; with room it runs, and has everything.
func TestDiskFull(t *testing.T) {
	needs.Root(t, "mounting a small file system")
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	disk := s.dir("disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=32m"); err != nil {
		t.Fatalf("mount a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	args := []string{"consensor", "--archiver", archiver.url(), "--listen", "127.0.0.1:0", "--data", filepath.Join(disk, "data")}

	first := s.start(args...)
	d := openDoor(t, first)
	w := newWallet(t, d.network(t))
	w.settle(t, d, "kept")
	fill := filepath.Join(disk, "fill")
	fillUp(t, fill)

	// Room that the log has set aside may take thousands more; then it is over.
	deadline := time.After(2 * time.Minute)
	var accepted []string
	for full := false; !full; {
		text, txID, err := newWallet(t, w.network).register("late")
		if err != nil {
			t.Fatal(err)
		}
		var got answer
		got, err = d.inject(text)
		switch {
		case err != nil: // the process has gone already
		case got.Success:
			accepted = append(accepted, txID)
		case got != answer{}: // a verdict about the transaction; a fault has none
			t.Fatalf("inject = %+v, want success or a fault", got)
		}
		select {
		case <-first.exited:
			full = true
		case <-deadline:
			t.Fatalf("the consensor still runs on a full disk; inject = %v", err)
		default:
		}
	}
	if code, ended := first.exit(time.Second); !ended || code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if got := peers(web(t), archiver.url()); slices.Contains(got, first.peerID) {
		t.Errorf("it is still listed: %q", got)
	}

	demands{1, "", []string{"no space left"}}.check(s.run(args...))
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	again := openDoor(t, s.start(args...))
	if account, err := again.account(w.id()); err != nil || account == nil {
		t.Errorf("with room again the account is %v, %v", account, err)
	}
	for _, txID := range accepted {
		if receipt, err := again.receipt(txID); err != nil || receipt == nil {
			t.Errorf("with room again the receipt of %s, accepted on a full disk, is %v, %v", txID, receipt, err)
		}
	}
	newWallet(t, w.network).settle(t, again, "roomy")
	t.Logf("%d accepted after the disk was full", len(accepted))
}

// fillUp writes until the disk is full.
func fillUp(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
