package ledger

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
)

// Export is [Offline.Export] of a ledger at work: of the accounts as the newest
// batch left them when it began. Transactions go on meanwhile. Close ends it.
func (l *Ledger) Export(ctx context.Context, w io.Writer) (Exported, error) {
	v, err := l.store.hold()
	if err != nil {
		return Exported{}, fmt.Errorf("ledger: export: %w", err)
	}
	done, err := v.export(ctx, untilClosed{w, l.closing}, func(int) {})
	if err = errors.Join(err, l.store.release(v)); err != nil {
		return Exported{}, fmt.Errorf("ledger: export: %w", err)
	}
	return done, nil
}

// untilClosed writes nothing more once its ledger closes, which waits for it.
type untilClosed struct {
	io.Writer
	closing <-chan struct{}
}

func (w untilClosed) Write(b []byte) (int, error) {
	select {
	case <-w.closing:
		return 0, ErrClosed
	default:
		return w.Writer.Write(b)
	}
}

// exportPatience is how long the other end of an export may take nothing.
const exportPatience = 30 * time.Second

// ServeExports writes an export to whoever connects to ln, one after the other,
// until ctx ends. Whoever can connect gets everything. It closes ln.
func (l *Ledger) ServeExports(ctx context.Context, ln net.Listener) error {
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	for {
		conn, err := ln.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			ln.Close()
			return fmt.Errorf("ledger: accept an export: %w", err)
		}
		l.serveExport(ctx, conn)
	}
}

func (l *Ledger) serveExport(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	began := time.Now()
	done, err := l.Export(ctx, patient{conn})
	if err != nil {
		l.log.Warn("export ended early", "err", err)
		return
	}
	l.log.Info("ledger exported", "records", done.Records, "sha256", done.SHA256, "took", time.Since(began))
}

// patient gives each write its own deadline.
type patient struct{ conn net.Conn }

func (p patient) Write(b []byte) (int, error) {
	if err := p.conn.SetWriteDeadline(time.Now().Add(exportPatience)); err != nil {
		return 0, err
	}
	return p.conn.Write(b)
}

// Receive copies an export that a ledger at work sends from r to w. What is not
// whole is an error that wraps [ErrImport]; w has a part of it then.
func Receive(r io.Reader, w io.Writer, progress func(records int)) (Exported, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 1<<16), maxImportLine)
	sum, out := sha256.New(), bufio.NewWriterSize(w, 1<<16)
	var last []byte
	n := -1 // the first line is no record
	for ; lines.Scan(); n++ {
		if n >= 0 {
			sum.Write(last) // never fails
		}
		last = append(append(last[:0], lines.Bytes()...), '\n')
		if _, err := out.Write(last); err != nil {
			return Exported{}, err
		}
		if n > 0 && n%1000 == 0 {
			progress(n)
		}
	}
	if err := errors.Join(lines.Err(), out.Flush()); err != nil {
		return Exported{}, err
	}
	done := Exported{n - 1, hex.EncodeToString(sum.Sum(nil))}
	end, err := signing.ParseObject(last)
	if records, _ := number(end["records"]); err != nil || int(records) != done.Records || end["sha256"] != done.SHA256 {
		return Exported{}, fmt.Errorf("%w: it ended early, or was changed on the way", ErrImport)
	}
	return done, nil
}
