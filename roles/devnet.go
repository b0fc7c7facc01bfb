package roles

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/signaling"
)

// A Devnet is an archiver and some consensors over one ledger, in one process.
type Devnet struct {
	log        *slog.Logger
	data       string
	ledger     *ledger.Ledger
	Archiver   *Archiver
	Consensors []*Consensor
	ops        *opsPort // nil: none
	process    Process  // set by Within
}

// DevnetConfig says where a devnet listens and how large it is.
type DevnetConfig struct {
	Listen     []string // of the archiver
	NodeListen string
	Consensors int
	// ConsensorListen gives the address of the i-th consensor's HTTP server.
	ConsensorListen func(i int) string
	Data            string
	Ops             string // address of the operator's port; empty: none
}

// Within tells the devnet of the process that it runs in. It comes before Run.
func (d *Devnet) Within(p Process) { d.process = p }

// NewDevnet opens a whole network on this machine.
func NewDevnet(cfg DevnetConfig, log *slog.Logger) (_ *Devnet, err error) {
	d := &Devnet{log: log.With("role", "devnet"), data: cfg.Data}
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	if d.ops, err = openOps(cfg.Ops); err != nil {
		return nil, err
	}
	acfg := config.Default().Archiver
	acfg.Listen, acfg.NodeListen, acfg.Data = cfg.Listen, cfg.NodeListen, filepath.Join(cfg.Data, "archiver")
	if d.ledger, err = ledger.Open(ledger.Config{Dir: filepath.Join(cfg.Data, "ledger")}, d.log); err != nil {
		return nil, err
	}
	acfg.NetworkID = d.ledger.NetworkID()
	if d.Archiver, err = newArchiver(acfg, d.ops.last(), log); err != nil {
		return nil, err
	}
	for i := range cfg.Consensors {
		ccfg := config.Default().Consensor
		ccfg.Archiver = []string{d.Archiver.URL() + "#" + d.Archiver.Key()}
		ccfg.Listen = cfg.ConsensorListen(i)
		ccfg.Data = filepath.Join(cfg.Data, "consensor"+strconv.Itoa(i+1))
		n, err := newConsensor(consensorName(i+1), ccfg, d.ledger, d.ops.last(), log)
		if err != nil {
			return nil, err
		}
		d.Consensors = append(d.Consensors, n)
	}
	return d, nil
}

// Run serves until ctx ends or a part fails. The function ready is called once
// every consensor can be found.
func (d *Devnet) Run(ctx context.Context, ready func()) error {
	parts := []part{{"archiver", d.Archiver.Run}, serveExports(d.ledger, d.data, d.log)}
	for i, n := range d.Consensors {
		parts = append(parts, part{fmt.Sprintf("consensor %d", i+1), n.Run})
	}
	parts = d.process.with(parts, d.log)
	parts, err := d.ops.with(parts, d.process, d.log, d.operated()...)
	if err != nil {
		return err
	}
	parts = append(parts, part{"devnet", func(ctx context.Context) error {
		for _, n := range d.Consensors {
			select {
			case <-n.online:
			case <-ctx.Done():
				return nil
			}
		}
		d.log.Info("ready", append(d.ops.attrs(), "addr", d.Archiver.public[0].Addr().String(), "url", d.Archiver.URL(), "consensors", len(d.Consensors))...)
		ready()
		<-ctx.Done()
		return nil
	}})
	return runParts(ctx, d.log, parts...)
}

// Welcome tells a person what runs where and what to try.
func (d *Devnet) Welcome() string {
	var b strings.Builder
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(d.Archiver.URL(), "http://")) // it was joined so
	fmt.Fprintf(&b, "A Liberdus network runs on this machine. Stop it with Ctrl-C.\n\n")
	fmt.Fprintf(&b, "  network    %s\n", d.ledger.NetworkID())
	fmt.Fprintf(&b, "  archiver   %s   (for nodes: http://%s)\n", d.Archiver.URL(), d.Archiver.nodes.Addr())
	for _, n := range d.Consensors {
		fmt.Fprintf(&b, "  consensor  http://%s   peer %s\n", n.Addr(), n.PeerID())
	}
	fmt.Fprintf(&b, `
Try, in another terminal:

  export LIBERDUS_ARCHIVER=%s
  liberdus client nodes
  liberdus client keygen --out me.json
  liberdus client tx register --key me.json --alias me | liberdus client inject --wait -
  liberdus client account ADDRESS        (the address that keygen printed)

From a browser or Node.js, with PeerJS or simple-peerjs:

  host %s, port %s, path %s, key %s

`, d.Archiver.URL()+"#"+d.Archiver.Key(), host, port, signaling.DefaultPath, signaling.DefaultKey)
	return b.String()
}

// Close gives back what NewDevnet opened. It comes after Run.
func (d *Devnet) Close() error {
	d.ops.close()
	for _, n := range d.Consensors {
		n.Close()
	}
	if d.Archiver != nil {
		d.Archiver.Close()
	}
	if d.ledger != nil {
		return closeLedger(d.ledger)
	}
	return nil
}
