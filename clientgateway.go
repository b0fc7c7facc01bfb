package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/heap"
	"github.com/liberdus/liberdus/roles"
)

func gatewayCommand() *cli.Command {
	return &cli.Command{
		Name:  "gateway",
		Usage: "serve a node's HTTP paths on this machine, answered over WebRTC",
		Description: "Give a wallet its URL in place of a node's or of a proxy: it needs no change. Nodes prove their keys to the gateway, a node that\n" +
			"fails is replaced without the wallet noticing, and paths that are no node's are not found. Prints {\"url\"} when it is ready.\n\n" +
			"liberdus client gateway --archiver http://127.0.0.1:6080\n" +
			"liberdus client gateway --archiver https://archiver.example.org#KEY --listen 127.0.0.1:9001\n" +
			"liberdus client gateway --archiver https://archiver.example.org#KEY --listen :443 --tls-cert fullchain.pem --tls-key privkey.pem\n" +
			"curl http://127.0.0.1:8080/timestamp",
		Flags: with("info", append([]cli.Flag{
			formatFlag(),
			text("listen", "`ADDR` of the HTTP server", "127.0.0.1"+config.PortGateway),
			text("tls-cert", "PEM `FILE` of a certificate and its chain, for https; read again when it changes", "plain HTTP"),
			text("tls-key", "PEM `FILE` of the certificate's private key", ""),
			texts("allow-host", "host `NAME` under which it may be asked for, repeatable", "localhost and addresses; elsewhere than on loopback any"),
			texts("allow-origin", "`ORIGIN` whose pages may use it, repeatable; programs that are no browser always may", "any"),
			number("sessions", "`N` sessions to keep open, with different nodes", "3"),
			texts("limit-exempt", "`NETWORK` that limits per address spare, repeatable", "loopback; none with trusted proxies"),
			texts("trusted-proxy", "`NETWORK` of proxies whose X-Forwarded-For is believed, repeatable", "none"),
			number("requests", "`N` requests in hand at once, polls apart", "512"),
			number("max-polls", "`N` long polls held at once", "1024"),
			ops(),
		}, slices.Concat(networkFlags(), peerFlags())...)...),
		Action: runGateway,
	}
}

func runGateway(c *cli.Context) error {
	form, err := format(c)
	if err != nil {
		return err
	}
	f, err := gatewayConfig(c)
	if err != nil {
		return err
	}
	s, err := newServer(c, f.Gateway.LogLevel)
	if err != nil {
		return err
	}
	defer s.close()
	defer heap.Floor(nodeHeap)()
	g, err := roles.NewGateway(f.Gateway, clientConfig(f.Client), s.log)
	if err != nil {
		return err
	}
	defer g.Close()
	g.Within(reloads(s, "gateway", gatewayConfig, func(now config.File) string { return now.Gateway.LogLevel }, func(now config.File) ([]string, error) {
		if err := roles.Unchanged(f.Client, now.Client); err != nil {
			return nil, fmt.Errorf("[client] %w", err)
		}
		return g.Reload(now.Gateway)
	}))
	outliveReaders()
	return g.Run(s.ctx, func() { welcome(g, form) })
}

// gatewayConfig returns the checked settings of a gateway and of its network.
func gatewayConfig(c *cli.Context) (config.File, error) {
	f, err := config.Load(c.String("config"))
	if err != nil {
		return f, &roles.UsageError{Err: err}
	}
	config.Override(&f.Client, c)
	config.Override(&f.Gateway, c)
	if err := errors.Join(noArgs(c), f.Client.Validate(), f.Gateway.Validate()); err != nil {
		return f, &roles.UsageError{Err: err}
	}
	return f, nil
}

// welcome prints where the gateway is: for programs, or for people.
func welcome(g *roles.Gateway, form string) {
	if form == "json" {
		text, _ := json.Marshal(map[string]string{"url": g.URL()}) // a string encodes
		fmt.Printf("%s\n", text)
		return
	}
	fmt.Printf("A node's API is at %[1]s. Stop it with Ctrl-C.\n\nTry, in another terminal:\n\n  curl %[1]s/timestamp\n\n", g.URL())
}
