package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/internal/telemetry"
	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/roles/client"
)

func clientCommand() *cli.Command {
	return &cli.Command{
		Name:  "client",
		Usage: "talk to a node",
		Description: "Each command prints one JSON document on stdout (watch: one a line), also when it fails: {\"error\",\"hop\"}; except wrong usage,\n" +
			"exit code 2, which is said on stderr alone. Logs go to stderr.\n" +
			"Exit codes: 0 done, 1 could not be done, 2 wrong usage or input, 3 refused by the network, 4 no such account.",
		Subcommands: []*cli.Command{injectCommand(), accountCommand(), watchCommand(), nodesCommand(), callCommand(), txCommand(), keygenCommand(), gatewayCommand()},
	}
}

// askFlags are those of the commands that ask an archiver.
func askFlags(flags ...cli.Flag) []cli.Flag {
	return append(append(flags, formatFlag()), networkFlags()...)
}

// networkFlags say which network to ask.
func networkFlags() []cli.Flag {
	return []cli.Flag{
		texts("archiver", "`URL` or URL#PUBLICKEY of an archiver, repeatable", ""),
		text("data", "`DIR` that keeps the archivers' keys", "in your configuration folder"),
		duration("timeout", "`TIME` to connect and be answered", "20s"),
	}
}

// dialFlags are those of the commands that open a connection.
func dialFlags(flags ...cli.Flag) []cli.Flag {
	return with("warn", askFlags(append(flags, peerFlags()...)...)...)
}

// peerFlags say whom to dial.
func peerFlags() []cli.Flag {
	return []cli.Flag{
		text("peer", "peer `ID` to talk to", "an active node of the list"),
		text("dialect", "`NAME` of what the peer of --peer understands: "+strings.Join(config.Dialects, ", "), "auto"),
		toggle("require-identity", "refuse a peer that cannot prove a key"),
	}
}

// A clientTask does one command's work and returns the document to print.
type clientTask func(ctx context.Context, cl *client.Client, cfg config.Client) (any, error)

// withClient runs f with a client and prints the document it returns.
func withClient(c *cli.Context, args int, usage string, f clientTask) error {
	return withInput(c, args, usage, func(config.Client) error { return nil }, f)
}

// withInput is withClient for a command that first reads what it is about: only
// when it has, the network is waited for.
func withInput(c *cli.Context, args int, usage string, read func(config.Client) error, f clientTask) error {
	form, err := format(c)
	if err != nil {
		return err
	}
	cfg, log, err := clientSettings(c, args, usage)
	if err != nil {
		return err
	}
	if err := read(cfg); err != nil {
		return err
	}
	progress := telemetry.NewProgress(os.Stderr)
	cl, err := openClient(cfg, log, progress)
	if err != nil {
		return printFailure(form, err)
	}
	defer cl.Close()
	doc, err := f(c.Context, cl, cfg)
	progress.Done()
	if err != nil && !errors.Is(err, client.ErrNoAccount) && !errors.Is(err, client.ErrRefused) {
		doc = nil // there is no answer
	}
	if form == "text" {
		return show(newPage(os.Stdout), doc, err)
	}
	return print(os.Stdout, doc, err)
}

// printFailure tells of a command that has no answer, and why.
func printFailure(form string, err error) error {
	if form == "text" {
		return err // which goes to stderr
	}
	return print(os.Stdout, nil, err)
}

// show is print for people, who find an error without an answer on stderr.
func show(p *page, doc any, err error) error {
	if doc == nil {
		return err
	}
	return errors.Join(err, p.write(doc))
}

// print writes the one document of a command: what it found, or why it failed.
func print(w io.Writer, doc any, err error) error {
	if _, usage := errors.AsType[*roles.UsageError](err); usage {
		return err
	}
	if doc == nil {
		doc = failure(err)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return errors.Join(err, enc.Encode(doc))
}

// failure is the document of what could not be done. It has txId where a
// transaction may have been taken all the same.
func failure(err error) any {
	doc := struct {
		Error string `json:"error"`
		Hop   string `json:"hop"`
		TxID  string `json:"txId,omitempty"`
	}{Error: oneLine(err), Hop: client.Hop(err)}
	if u, undecided := errors.AsType[*client.UndecidedError](err); undecided {
		doc.TxID = u.TxID
	}
	return doc
}

func accountCommand() *cli.Command {
	return &cli.Command{
		Name:      "account",
		Usage:     "print an account",
		ArgsUsage: "ID",
		Description: "Prints {\"id\",\"account\",\"peer\"}; exit code 4 if there is no such account. With --quorum also \"peers\", who say so, and \"odd\", who\n" +
			"say something else; exit code 1 if too few agree.\n\nliberdus client account --archiver http://127.0.0.1:6080 ID\nliberdus client account --quorum 2 ID",
		Flags: dialFlags(number("quorum", "`K` nodes must give equal answers", "one node is asked")),
		Action: func(c *cli.Context) error {
			return withClient(c, 1, "ID", func(ctx context.Context, cl *client.Client, cfg config.Client) (any, error) {
				id := c.Args().First()
				if c.IsSet("quorum") || cfg.Quorum > 0 {
					a, err := cl.AccountQuorum(ctx, id, cfg.Quorum)
					return a, explainNone(err, id)
				}
				a, err := cl.Account(ctx, id)
				return a, explainNone(err, id)
			})
		},
	}
}

func nodesCommand() *cli.Command {
	return &cli.Command{
		Name:        "nodes",
		Usage:       "print the active nodes of the verified list",
		Description: "Prints {\"nodes\":[{\"id\",\"ip\",\"port\",\"publicKey\",\"peerId\"}…],\"archiver\"}.\n\nliberdus client nodes --archiver http://127.0.0.1:6080",
		Flags:       with("warn", askFlags()...),
		Action: func(c *cli.Context) error {
			return withClient(c, 0, "", func(ctx context.Context, cl *client.Client, cfg config.Client) (any, error) {
				return cl.Nodes(ctx)
			})
		},
	}
}

func injectCommand() *cli.Command {
	return &cli.Command{
		Name:      "inject",
		Usage:     "send a transaction",
		ArgsUsage: "TX.json | -",
		Description: "Prints {\"success\",\"txId\",\"reason\",\"status\",\"peer\"}; exit code 3 if the network refuses it. A transaction without\n" +
			"sign is signed with --key if that is given.\n\n" +
			"liberdus client tx transfer --key me.json --to ADDRESS --amount 1 --archiver URL | liberdus client inject --archiver URL --wait -",
		Flags: dialFlags(
			text("key", "key `FILE` that signs a transaction without sign", ""),
			&cli.BoolFlag{Name: "wait", DefaultText: "no", Usage: "wait for the receipt and print it too"},
		),
		Action: func(c *cli.Context) error {
			var text []byte
			read := func(cfg config.Client) (err error) {
				text, err = inputTx(c, cfg.Key)
				return err
			}
			return withInput(c, 1, "TX.json | -", read, func(ctx context.Context, cl *client.Client, _ config.Client) (any, error) {
				if c.Bool("wait") {
					return cl.InjectWait(ctx, text)
				}
				return cl.Inject(ctx, text)
			})
		},
	}
}

func keygenCommand() *cli.Command {
	return &cli.Command{
		Name:        "keygen",
		Usage:       "make a key",
		Description: "Writes {\"type\",\"publicKey\",\"secretKey\"} to the file, readable by you alone, and prints {\"address\",\"publicKey\"}.\n\nliberdus client keygen --out me.json",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "scheme", Value: signing.SchemeSecp256k1, Usage: "secp256k1 (users) or ed25519 (nodes)"},
			&cli.StringFlag{Name: "out", Value: "key.json", Usage: "`FILE` to write; it is never overwritten"},
		},
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return &roles.UsageError{Err: err}
			}
			key, err := newKey(c.String("scheme"))
			if err != nil {
				return &roles.UsageError{Err: err}
			}
			if err := signing.WriteKey(c.String("out"), key); err != nil {
				return &roles.UsageError{Err: err}
			}
			return print(os.Stdout, map[string]string{"address": key.Address(), "publicKey": key.PublicKey()}, nil)
		},
	}
}

func newKey(scheme string) (signing.Key, error) {
	switch scheme {
	case signing.SchemeSecp256k1:
		return signing.NewUserKey()
	case signing.SchemeEd25519:
		return signing.NewNodeKey()
	}
	return nil, fmt.Errorf("--scheme %q: want %s or %s", scheme, signing.SchemeSecp256k1, signing.SchemeEd25519)
}
