package roles

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/liberdus/liberdus/internal/clientip"
	"github.com/liberdus/liberdus/internal/telemetry"
)

// A Process is what a role is told of the process that runs it: see
// [Archiver.Within]. What is nil is not there.
type Process struct {
	Level *slog.LevelVar // of the log
	Log   Log

	// Again tells that the settings are to be read again, which Reload does. It
	// returns the keys that have changed, or why nothing has; a context's error
	// means that the process is to end.
	Again  <-chan os.Signal
	Reload func() (changed []string, err error)
}

// A Log tells how many of its lines were lost so far, and how many bytes of those
// that may wait to be written do.
type Log interface {
	Backlog() (lost uint64, bytes, most int)
}

// noLog is a log that keeps nothing waiting.
type noLog struct{}

func (noLog) Backlog() (lost uint64, bytes, most int) { return 0, 0, 0 }

// maxOps is how many connections the operator's port has at once.
const maxOps = 64

// An operated role is shown on the operator's port.
type operated interface {
	view() telemetry.View
	groups() []telemetry.Group
}

// An opsPort is the operator's port of a process. The methods of a nil one do
// nothing: most processes have none.
type opsPort struct {
	listener net.Listener // fixed
	host     string       // as it was given; fixed
	refusals *telemetry.Refusals
	registry *telemetry.Registry
}

// openOps opens the operator's port; an empty address is none.
func openOps(addr string) (*opsPort, error) {
	if addr == "" {
		return nil, nil
	}
	l, err := listen(addr)
	if err != nil {
		return nil, fmt.Errorf("--ops: %w", err)
	}
	host, _, _ := net.SplitHostPort(addr) // it was listened to
	return &opsPort{l, host, new(telemetry.Refusals), telemetry.NewRegistry(Version)}, nil
}

// last are the last refusals, for whoever refuses to note.
func (o *opsPort) last() *telemetry.Refusals {
	if o == nil {
		return nil
	}
	return o.refusals
}

// attrs are what the line "ready" says of it.
func (o *opsPort) attrs() []any {
	if o == nil {
		return nil
	}
	return []any{"opsAddr", o.listener.Addr().String()}
}

func (o *opsPort) close() {
	if o != nil {
		o.listener.Close()
	}
}

// serve is the part that shows the roles.
func (o *opsPort) serve(p Process, log *slog.Logger, roles ...operated) (part, error) {
	registry := o.registry
	if p.Log == nil {
		p.Log = noLog{}
	}
	if err := registry.Add("", logGroup(p.Log)); err != nil {
		return part{}, err
	}
	for _, r := range roles {
		name := r.view().Role
		for _, g := range r.groups() {
			if err := registry.Add(name, g); err != nil {
				return part{}, err
			}
		}
	}
	log = log.With("part", "ops")
	handler, err := telemetry.NewOps(telemetry.OpsConfig{
		Name: o.host, Version: Version, Registry: registry, Level: p.Level, Refusals: o.refusals, Log: log,
		Views: func() (list []telemetry.View) {
			for _, r := range roles {
				list = append(list, r.view())
			}
			return list
		},
	})
	if err != nil {
		return part{}, fmt.Errorf("ops: %w", err)
	}
	if host, _ := hostPort(o.listener); !isLoopback(host) {
		log.Warn("the operator's port is open beyond this machine: whoever reaches it sees addresses, changes the log level and may slow the process with pprof",
			"addr", o.listener.Addr().String(), "remedy", "--ops 127.0.0.1:PORT, or a firewall")
	}
	// Its callers share an address, as a rule: who waits for longest makes way.
	g := newGate(maxOps, maxOps, nil, clientip.Networks{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}, log)
	g.remedy = "close some of those to the operator's port"
	return serveHTTP("ops", newDoorway(o.listener, log), handler, g, idleTimeProxy, log), nil
}

// with returns parts and that of the operator's port, if there is one.
func (o *opsPort) with(parts []part, p Process, log *slog.Logger, roles ...operated) ([]part, error) {
	if o == nil {
		return parts, nil
	}
	own, err := o.serve(p, log, roles...)
	return append(parts, own), err
}

// check says how something is.
func check(name string, err error) telemetry.Check {
	c := telemetry.Check{Name: name}
	if err != nil {
		c.Err = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return c
}
