package roles_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/needs"
	"github.com/liberdus/liberdus/roles"
)

// Who runs a role over the folder of another user is told what to do.
func TestDataFolderOfAnother(t *testing.T) {
	needs.Root(t, "becoming another user")
	dir := t.TempDir()
	for _, tt := range []struct {
		name, data string
		mode       os.FileMode
	}{
		{"its files", dir, 0o755},
		{"all of it", dir, 0o700},
		{"it cannot be made", filepath.Join(dir, "data"), 0o755},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.Chmod(dir, tt.mode); err != nil {
				t.Fatal(err)
			}
			cfg := config.Default().Consensor
			cfg.Archiver, cfg.Data, cfg.Listen = []string{"http://127.0.0.1:1"}, tt.data, "127.0.0.1:0"
			err := asNobody(func() error {
				n, err := roles.NewConsensor(cfg, nil, logger(t))
				if err == nil {
					n.Close()
				}
				return err
			})
			if err == nil || !strings.Contains(err.Error(), "permission denied: give it to the user who runs this (chown") {
				t.Errorf("NewConsensor: %v, want an error with the remedy", err)
			}
		})
	}
}

// asNobody runs f with the files' rights of a user who owns nothing.
func asNobody(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its rights
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0); errno != 0 {
			done <- nil
			return
		}
		done <- f()
	}()
	return <-done
}
