package roles

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/liberdus/liberdus/internal/ledger"
)

// ExportSocket is the name, in a data folder, of the socket at which the process
// that has the folder's ledger hands out exports of it. Only its owner can connect.
const ExportSocket = "ledger.sock"

// serveExports is the part that does. Without the socket the rest goes on.
func serveExports(l *ledger.Ledger, data string, log *slog.Logger) part {
	return part{"exports", func(ctx context.Context) error {
		path := filepath.Join(data, ExportSocket)
		ln, err := listenPrivately(path)
		if err != nil {
			log.Warn("no export of the ledger while this runs; a shorter --data may help", "socket", path, "err", err)
			<-ctx.Done()
			return nil
		}
		err = l.ServeExports(ctx, ln)
		if left := noLonger(time.Second, func() error { return os.Remove(path) }); left != nil {
			err = errors.Join(err, fmt.Errorf("remove %s: %w", path, left))
		}
		return err
	}}
}

// listenPrivately listens on a socket that nobody else could connect to at any
// time. It takes the place of one that a process left behind.
func listenPrivately(path string) (_ net.Listener, err error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".sock") // for the owner alone
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	made := filepath.Join(dir, "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false) // it goes by another name then
	if err := errors.Join(os.Chmod(made, 0o600), os.Rename(made, path)); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}
