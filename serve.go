package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/liberdus/liberdus/internal/telemetry"
	"github.com/liberdus/liberdus/roles"
)

// A server is a command that runs until it is stopped, with what its role is told
// of the process.
type server struct {
	c       *cli.Context
	ctx     context.Context // ends with the terminal on which the command was begun, too
	stop    context.CancelCauseFunc
	log     *slog.Logger
	process roles.Process
	again   chan os.Signal // SIGHUP
	person  bool           // it was begun on a terminal
}

var errHungUp = errors.New("the terminal has gone")

// servers are the commands that SIGHUP has read their settings again, beside the gateway.
var servers = []string{"archiver", "consensor", "devnet"}

// isServer reports whether args run a server. A gateway is one.
func isServer(args []string) bool {
	return len(args) > 1 && slices.Contains(servers, args[1]) || len(args) > 2 && args[1] == "client" && args[2] == "gateway"
}

// newServer prepares to run a server that logs from a level up; empty is the
// command's own default. Close ends what it began.
func newServer(c *cli.Context, logLevel string) (*server, error) {
	s := &server{c: c, again: make(chan os.Signal, 1), person: telemetry.IsTerminal(os.Stderr)}
	signal.Notify(s.again, syscall.SIGHUP)
	s.ctx, s.stop = context.WithCancelCause(c.Context)
	l, err := s.level(logLevel)
	if err != nil {
		s.close()
		return nil, err
	}
	s.process = roles.Process{Level: new(slog.LevelVar), Again: s.again}
	s.process.Level.Set(l)
	if w, ok := c.App.ErrWriter.(roles.Log); ok {
		s.process.Log = w
	}
	s.log = telemetry.NewLoggerAt(c.App.ErrWriter, s.process.Level)
	return s, nil
}

func (s *server) close() {
	signal.Ignore(syscall.SIGHUP) // its default would end what is about to end in good order
	s.stop(nil)
}

func (s *server) level(text string) (slog.Level, error) {
	return levelOf(cmp.Or(text, s.c.String("log-level")))
}

// reloads has the settings, of which the file has that table, be read again by
// read, which knows the flags and the environment, too; level finds the log level
// in them, and apply makes them hold. SIGHUP is also the end of a terminal, which
// ends a server that was begun on it.
func reloads[T any](s *server, table string, read func(*cli.Context) (T, error), level func(T) string, apply func(T) ([]string, error)) roles.Process {
	file := newSettingsFile(s.c.String("config"), table)
	s.process.Reload = func() ([]string, error) {
		if s.person && !telemetry.IsTerminal(os.Stderr) {
			s.stop(errHungUp)
			return nil, context.Canceled
		}
		var cfg T
		err := file.whole(func() (err error) { cfg, err = read(s.c); return err })
		if err != nil {
			return nil, err
		}
		l, err := s.level(level(cfg))
		if err != nil {
			return nil, err
		}
		changed, err := apply(cfg)
		if err == nil {
			s.process.Level.Set(l)
		}
		return changed, err
	}
	return s.process
}
