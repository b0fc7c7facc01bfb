// Package roles builds and runs what the program can be: an archiver, a
// consensor, a client, or a small network of them (devnet). Each role is a
// parts list in start order; what the parts do lives in the packages below.
package roles

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/liberdus/liberdus/internal/version"
)

// Version is what an archiver and a node say they are.
const Version = version.Number

// stopTime is how long a role takes at most to finish what is in hand.
const stopTime = 10 * time.Second

// errStopped is the error of a part that ended without being asked.
var errStopped = errors.New("stopped unexpectedly")

// A part is something that runs for as long as its role does.
type part struct {
	name string
	run  func(context.Context) error
}

// runParts runs parts until ctx ends or one fails. When it returns, all have
// stopped. A part that ends before it was asked to has failed.
func runParts(ctx context.Context, log *slog.Logger, parts ...part) error {
	g, gctx := errgroup.WithContext(ctx)
	for _, p := range parts {
		g.Go(func() error {
			err := p.run(gctx)
			switch {
			case err != nil:
				return fmt.Errorf("%s: %w", p.name, err)
			case gctx.Err() == nil:
				return fmt.Errorf("%s: %w", p.name, errStopped)
			}
			return nil
		})
	}
	err := g.Wait()
	log.Info("stopped", "cause", context.Cause(gctx))
	return err
}

// listen opens a TCP listener, so that a busy port fails before anything runs.
// What TCP does to find out who has gone is left out: servers here see to that
// themselves, and to set it up is a thirtieth of what a connect costs.
func listen(addr string) (net.Listener, error) {
	silent := net.ListenConfig{KeepAlive: -1}
	l, err := silent.Listen(context.Background(), "tcp", addr)
	if err != nil {
		hint := ""
		if errors.Is(err, syscall.EADDRINUSE) {
			hint = " (is another process using the port?)"
		}
		return nil, fmt.Errorf("listen on %s: %w%s", addr, errors.Unwrap(err), hint)
	}
	return l, nil
}

// serveHTTP is the part that serves h on l. When ctx ends it refuses new
// connections and finishes the requests in hand. The gate says how many
// connections there may be, and idle how long one may wait for its next request.
func serveHTTP(name string, l net.Listener, h http.Handler, g *gate, idle time.Duration, log *slog.Logger) part {
	return part{name, func(ctx context.Context) error {
		srv := &http.Server{
			Handler:           h,
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       30 * time.Second,
			WriteTimeout:      90 * time.Second, // a request's own deadline, and time for a slow reader
			IdleTimeout:       idle,
			MaxHeaderBytes:    16 << 10,
			ErrorLog:          slog.NewLogLogger(log.With("part", name).Handler(), slog.LevelDebug),
			ConnState:         g.watch,
		}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l) }() // waited for below
		select {
		case err := <-served:
			return err
		case <-ctx.Done():
		}
		// ctx is over, so stopping needs a deadline of its own.
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		if err := srv.Shutdown(stop); err != nil {
			srv.Close()
		}
		<-served
		return nil
	}}
}

// hostPort splits the address that l is really bound to.
func hostPort(l net.Listener) (host string, port int) {
	h, p, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "", 0
	}
	port, _ = strconv.Atoi(p) // it was printed from a number
	return h, port
}

// isLoopback reports whether host is this machine and nothing else.
func isLoopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// reachable returns a host at which a listener on host is reached: itself, or,
// where it listens everywhere, the address from which this machine reaches
// others. No packet is sent to find it.
func reachable(host string) string {
	if ip := net.ParseIP(host); host != "" && (ip == nil || !ip.IsUnspecified()) {
		return host
	}
	conn, err := net.Dial("udp", "198.51.100.1:9") // documentation range (RFC 5737)
	if err != nil {
		return "127.0.0.1"
	}
	defer conn.Close()
	local, _, err := net.SplitHostPort(conn.LocalAddr().String())
	if err != nil {
		return "127.0.0.1"
	}
	return local
}
