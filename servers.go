package main

import (
	"errors"
	"fmt"
	"net"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/heap"
	"github.com/liberdus/liberdus/roles"
)

func archiverCommand() *cli.Command {
	return &cli.Command{
		Name:  "archiver",
		Usage: "host the PeerJS server and the signed list of nodes",
		Description: "An archiver introduces clients to nodes. It makes its key at first start and keeps it in its data folder.\n\n" +
			"liberdus archiver\n" +
			"liberdus archiver --listen 127.0.0.1:6080 --node-listen 127.0.0.1:4000 --data /var/lib/liberdus\n" +
			"liberdus archiver --listen :443 --tls-cert fullchain.pem --tls-key privkey.pem\n" +
			"liberdus archiver --public-url https://archiver.example.org --allow-node KEY\n\n" +
			"The options of the peerjs command work too, under its names; times are in ms or have a unit:\n\n" +
			"liberdus archiver --port 9000 --key peerjs --path /myapp --alive_timeout 60000 --cors https://wallet.example.org",
		Flags: append(with("info",
			texts("listen", "`ADDR` of the public listener, repeatable; browsers refuse port 6000", ":6000 and :6080"),
			text("node-listen", "`ADDR` of the listener for nodes, \"\" for none", ":4000"),
			text("data", "`DIR` of the key and the list", "liberdus-data/archiver"),
			text("public-url", "`URL` that clients are told, where a TLS terminator stands in front", ""),
			text("network-id", "id of the network, 64 `HEX` digits", "that of the first node"),
			texts("allow-node", "public `KEY` that may be listed, repeatable", "any"),
			text("nodes-from", "`URL#KEY` of another archiver, such as a network's own: its active nodes may be listed, beside allow-node", "none"),
			ops(),
		), slices.Concat(tlsFlags(), peerjsFlags(), limitFlags())...),
		Action: func(c *cli.Context) error {
			cfg, err := archiverConfig(c)
			if err != nil {
				return err
			}
			s, err := newServer(c, cfg.LogLevel)
			if err != nil {
				return err
			}
			defer s.close()
			defer heap.Floor(archiverHeap)()
			a, err := roles.NewArchiver(cfg, s.log)
			if err != nil {
				return err
			}
			defer a.Close()
			a.Within(reloads(s, "archiver", archiverConfig, func(cfg config.Archiver) string { return cfg.LogLevel }, a.Reload))
			outliveReaders()
			return a.Run(s.ctx)
		},
	}
}

// archiverConfig returns the checked settings of the archiver.
func archiverConfig(c *cli.Context) (config.Archiver, error) {
	f, err := config.Load(c.String("config"))
	if err != nil {
		return f.Archiver, &roles.UsageError{Err: err}
	}
	cfg := f.Archiver
	config.Override(&cfg, c)
	chooseListeners(&cfg, c)
	if err := errors.Join(noArgs(c), cfg.Validate()); err != nil {
		return cfg, &roles.UsageError{Err: err}
	}
	return cfg, nil
}

// nodeHeap is how large the heap of a node may be before it is collected.
const nodeHeap = 32 << 20

// archiverHeap is the same of an archiver: sockets that come and go in crowds are
// garbage, and to collect keeps on one core the messages of all others waiting.
const archiverHeap = 64 << 20

func consensorCommand() *cli.Command {
	return &cli.Command{
		Name:  "consensor",
		Usage: "serve a node's API over WebRTC and HTTP",
		Description: "A consensor registers with its archivers under its public key and answers clients. It keeps an embedded\n" +
			"ledger in its data folder: a transaction that was accepted is on disk. With --ledger shardus it stands beside a\n" +
			"Liberdus node and hands requests on to it, under the node's own key.\n\n" +
			"liberdus consensor --archiver http://127.0.0.1:6080\n" +
			"liberdus consensor --archiver http://archiver.example.org:6080#KEY --external 203.0.113.7:9001\n" +
			"liberdus consensor --archiver http://archiver.example.org:6080#KEY --ledger shardus --node http://127.0.0.1:9001 --key secrets.json",
		Flags: append(with("info",
			texts("archiver", "`URL` or URL#PUBLICKEY of an archiver to join, repeatable", ""),
			text("listen", "`ADDR` of the HTTP server", ":9001; :9101 beside a node"),
			text("external", "`HOST:PORT` at which it is reached from outside", "that of listen"),
			text("udp-listen", "`ADDR` of the UDP port of all data channels", "the address of listen"),
			texts("udp-external", "`IP` or IP:PORT at which that port is reached through a NAT, repeatable", "the IP of external"),
			text("tcp-listen", "`ADDR` of a TCP port for clients whose network blocks UDP, such as :443", "none"),
			texts("tcp-external", "`IP` or IP:PORT at which that port is reached through a NAT, repeatable", "the IP of udp-external"),
			texts("interface", "`NAME` of a network interface to offer data channels on, repeatable", "all but loopback"),
			text("family", "`4` or 6, to offer only IPv4 or only IPv6 addresses", "both"),
			text("data", "`DIR` of the ledger and the key", "liberdus-data/consensor"),
			text("key", "key `FILE` of the node, or a Shardus node's secrets.json", "consensor-key.json in data"),
			text("network-id", "id that a new ledger is created with, or that the node must have, 64 `HEX` digits", "random; any"),
			text("ledger", "`NAME` of what answers: "+strings.Join(config.Ledgers, ", "), config.LedgerEmbedded),
			text("node", "`URL` of the node that --ledger shardus hands requests on to", ""),
			ops(),
		), serviceFlags()...),
		Action: func(c *cli.Context) (err error) {
			cfg, err := consensorConfig(c)
			if err != nil {
				return err
			}
			s, err := newServer(c, cfg.LogLevel)
			if err != nil {
				return err
			}
			defer s.close()
			defer heap.Floor(nodeHeap)()
			n, err := roles.NewConsensor(cfg, nil, s.log)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, n.Close()) }()
			n.Within(reloads(s, "consensor", consensorConfig, func(cfg config.Consensor) string { return cfg.LogLevel }, n.Reload))
			outliveReaders()
			return n.Run(s.ctx)
		},
	}
}

// consensorConfig returns the checked settings of the consensor.
func consensorConfig(c *cli.Context) (config.Consensor, error) {
	f, err := config.Load(c.String("config"))
	if err != nil {
		return f.Consensor, &roles.UsageError{Err: err}
	}
	cfg := f.Consensor
	config.Override(&cfg, c)
	if err := errors.Join(noArgs(c), cfg.Validate()); err != nil {
		return cfg, &roles.UsageError{Err: err}
	}
	return cfg, nil
}

func devnetCommand() *cli.Command {
	return &cli.Command{
		Name:  "devnet",
		Usage: "run an archiver and some consensors in one process",
		Description: "The consensors share one ledger. With a --listen of port 0 every other port is chosen by the system too.\n\n" +
			"liberdus devnet\n" +
			"liberdus devnet --consensors 5 --listen 127.0.0.1:0 --data /tmp/devnet",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "consensors", Value: 3, Usage: "`N` nodes"},
			&cli.StringSliceFlag{Name: "listen", Usage: "`ADDR` of the archiver, repeatable", DefaultText: "127.0.0.1:6000 and 127.0.0.1:6080"},
			&cli.StringFlag{Name: "data", Value: "liberdus-data/devnet", Usage: "`DIR` of everything it keeps"},
			ops(), logLevel(""),
		},
		Action: runDevnet,
	}
}

func runDevnet(c *cli.Context) (err error) {
	s, err := newServer(c, "")
	if err != nil {
		return err
	}
	defer s.close()
	cfg := roles.DevnetConfig{
		Ops:    c.String("ops"),
		Listen: c.StringSlice("listen"), NodeListen: "127.0.0.1:4000", Consensors: c.Int("consensors"), Data: c.String("data"),
		ConsensorListen: func(i int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(9001+i)) },
	}
	if len(cfg.Listen) == 0 {
		cfg.Listen = []string{"127.0.0.1" + config.PortArchiver, "127.0.0.1" + config.PortArchiverBrowser}
	}
	check := config.Default().Archiver
	check.Listen, check.Ops = cfg.Listen, cfg.Ops
	if err := errors.Join(noArgs(c), check.Validate()); err != nil {
		return &roles.UsageError{Err: err}
	}
	if cfg.Consensors < 1 || cfg.Consensors > 100 {
		return usagef("--consensors %d: 1 to 100 are possible", cfg.Consensors)
	}
	for _, addr := range cfg.Listen {
		if strings.HasSuffix(addr, ":0") {
			cfg.NodeListen, cfg.ConsensorListen = "127.0.0.1:0", func(int) string { return "127.0.0.1:0" }
		}
	}
	defer heap.Floor(nodeHeap)()
	d, err := roles.NewDevnet(cfg, s.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	// All of its settings are flags.
	d.Within(reloads(s, "", func(*cli.Context) (string, error) { return "", nil }, func(level string) string { return level },
		func(string) ([]string, error) { return nil, nil }))
	outliveReaders()
	return d.Run(s.ctx, func() { fmt.Print(d.Welcome()) })
}

// outliveReaders keeps a server running when nobody reads its log any more. Go
// ends a program that writes to a broken pipe on stdout or stderr, as befits a
// command in a pipeline: those of clients do end.
func outliveReaders() { signal.Ignore(syscall.SIGPIPE) }

// noArgs refuses positional arguments, which are most often a forgotten flag.
func noArgs(c *cli.Context) error {
	if c.Args().Present() {
		return fmt.Errorf("unexpected argument %q", c.Args().First())
	}
	return nil
}
