package main

import (
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/liberdus/liberdus/internal/config"
)

// envPeerJSKey sets the archiver's --key. It is not LIBERDUS_KEY: that is the
// key file of a client or a node, and would silently rename the PeerJS server
// of whoever has it in the environment.
const envPeerJSKey = "LIBERDUS_PEERJS_KEY"

// peerjsFlags are the options of the peerjs command, under its names and ours.
func peerjsFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{
			Name: "port", Aliases: []string{"p"}, EnvVars: []string{config.EnvName("port"), "PORT"},
			Usage: "`PORT` of the only public listener, in place of --listen", DefaultText: "none",
		},
		&cli.StringFlag{
			Name: "host", Aliases: []string{"H"}, EnvVars: []string{config.EnvName("host")},
			Usage: "`ADDR` of the listeners that name none", DefaultText: "all interfaces",
		},
		&cli.StringFlag{
			Name: "path", EnvVars: []string{config.EnvName("path"), "PEERSERVER_PATH"},
			Usage: "`PATH` of the PeerJS server; with / the archiver's page moves to /app", DefaultText: "/liberdus-peer",
		},
		&cli.StringFlag{
			Name: "key", Aliases: []string{"k"}, EnvVars: []string{envPeerJSKey},
			Usage: "`KEY` that PeerJS clients give: a name, not a secret", DefaultText: "liberdus",
		},
		number("concurrent-limit", "`N` peers at once on the PeerJS server", "5000", "concurrent_limit", "c"),
		toggle("allow-discovery", "list the connected peers at PATH/KEY/peers", "allow_discovery"),
		texts("cors", "`ORIGIN` whose pages may read the PeerJS server's HTTP answers, repeatable", "any"),
		toggle("proxied", "believe X-Forwarded-For from loopback and private networks: short for --trusted-proxy with each"),
		millis("expire-timeout", "`TIME` that messages wait for an absent peer, in ms or with a unit", "5s", "expire_timeout", "t"),
		millis("alive-timeout", "`TIME` of silence after which a peer is dropped, in ms or with a unit", "1m", "alive_timeout"),
		millis("cleanup-out-msgs", "`TIME` between two looks for expired messages, in ms or with a unit", "1s", "cleanup_out_msgs"),
	}
}

// chooseListeners settles what --port and --listen say, where only one can be
// meant: a flag beats LIBERDUS_…, which beats PORT, which beats the file. Both
// at the same rank are left for Validate to refuse.
func chooseListeners(cfg *config.Archiver, c *cli.Context) {
	if strings.HasPrefix(string(cfg.Port), "tcp://") {
		cfg.Port = "" // a Kubernetes service of that name is announced so
		return
	}
	port := rank(c.IsSet("port"), c.String("port"), config.EnvName("port"), "PORT")
	listen := rank(c.IsSet("listen"), strings.Join(c.StringSlice("listen"), ","), config.EnvName("listen"))
	switch {
	case port > listen:
		cfg.Listen = config.Default().Archiver.Listen
	case listen > port:
		cfg.Port = ""
	}
}

// rank says where a value comes from: 3 the command line, then the variables,
// first to last; 0 neither.
func rank(set bool, value string, vars ...string) int {
	if !set {
		return 0
	}
	i := slices.IndexFunc(vars, func(name string) bool { _, ok := os.LookupEnv(name); return ok })
	if i < 0 || os.Getenv(vars[i]) != value {
		return 3
	}
	return 2 - i
}
