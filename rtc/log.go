package rtc

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/pion/logging"
)

// pionLog hands pion's logging to slog at debug level: most of its warnings
// can be caused by a stranger's packet, and must not flood an operator's log.
// Pion asks for a logger for each part of each connection; those of one scope
// are the same.
type pionLog struct {
	log *slog.Logger

	mu     sync.Mutex
	scopes map[string]pionScope // guarded by mu
}

var _ logging.LoggerFactory = (*pionLog)(nil)

func newPionLog(log *slog.Logger) *pionLog {
	return &pionLog{log: log.With("part", "pion"), scopes: make(map[string]pionScope)}
}

// NewLogger is called with the names of pion's parts, which are few.
func (f *pionLog) NewLogger(scope string) logging.LeveledLogger {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.scopes[scope]
	if !ok {
		s = pionScope{f.log.With("scope", scope)}
		f.scopes[scope] = s
	}
	return s
}

type pionScope struct{ log *slog.Logger }

// chunkLog has traffic weigh the chunks that come to an association. Pion tells
// nobody of them but its log; TestChunksAreWeighed holds it to that.
type chunkLog struct {
	logging.LoggerFactory
	count *traffic
}

func (f chunkLog) NewLogger(scope string) logging.LeveledLogger {
	l := f.LoggerFactory.NewLogger(scope)
	if scope == "sctp" {
		return chunkScope{l, f.count}
	}
	return l
}

type chunkScope struct {
	logging.LeveledLogger
	count *traffic
}

// chunkLine is what pion traces of each chunk: the association's name, the
// number, a flag and the length.
const chunkLine = "[%s] DATA: tsn=%d immediateSack=%v len=%d"

func (l chunkScope) Tracef(format string, args ...any) {
	if format != chunkLine || len(args) != 4 {
		return
	}
	tsn, ok := args[1].(uint32)
	if n, is := args[3].(int); ok && is {
		l.count.arrived(tsn, n)
	}
}

func (p pionScope) put(level, msg string) { p.log.Debug("pion", "level", level, "msg", msg) }

func (p pionScope) putf(level, format string, args []any) {
	if p.log.Enabled(context.Background(), slog.LevelDebug) {
		p.put(level, fmt.Sprintf(format, args...))
	}
}

func (p pionScope) Trace(string)                      {}
func (p pionScope) Tracef(string, ...any)             {}
func (p pionScope) Debug(string)                      {}
func (p pionScope) Debugf(string, ...any)             {}
func (p pionScope) Info(msg string)                   { p.put("info", msg) }
func (p pionScope) Infof(format string, args ...any)  { p.putf("info", format, args) }
func (p pionScope) Warn(msg string)                   { p.put("warn", msg) }
func (p pionScope) Warnf(format string, args ...any)  { p.putf("warn", format, args) }
func (p pionScope) Error(msg string)                  { p.put("error", msg) }
func (p pionScope) Errorf(format string, args ...any) { p.putf("error", format, args) }
