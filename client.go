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
		Description: "Each command prints one JSON document on stdout (watch: one a line), also when it fails: {\"error\",\"hop\"}. Logs go to stderr.\n" +
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

// withClient runs f with a client and prints the document it returns.
func withClient(c *cli.Context, args int, usage string, f func(ctx context.Context, cl *client.Client, cfg config.Client) (any, error)) error {
	form, err := format(c)
	if err != nil {
		return err
	}
	progress := telemetry.NewProgress(os.Stderr)
	cl, cfg, err := openClient(c, args, usage, progress)
	if cl == nil {
		return err
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
				if c.IsSet("quorum") || cfg.Quorum > 0 {
					return cl.AccountQuorum(ctx, c.Args().First(), cfg.Quorum)
				}
				return cl.Account(ctx, c.Args().First())
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
			return withClient(c, 1, "TX.json | -", func(ctx context.Context, cl *client.Client, cfg config.Client) (any, error) {
				tx, err := readTx(c.Args().First(), cfg.Key)
				if err != nil {
					return nil, &roles.UsageError{Err: err}
				}
				text, err := signing.Canonical(tx)
				if err != nil {
					return nil, &roles.UsageError{Err: fmt.Errorf("transaction: %w", err)}
				}
				if c.Bool("wait") {
					return cl.InjectWait(ctx, text)
				}
				return cl.Inject(ctx, text)
			})
		},
	}
}

// maxTx bounds a transaction's file.
const maxTx = 1 << 20

// readTx reads a transaction from a file or, for "-", from stdin, and signs it
// if it is not and there is a key.
func readTx(path, keyFile string) (signing.Object, error) {
	in := os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxTx+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(data) > maxTx {
		return nil, fmt.Errorf("%s: over %d bytes", path, maxTx)
	}
	tx, err := signing.ParseObject(data)
	if err != nil {
		return nil, fmt.Errorf("%s is not a transaction in JSON: %w", path, err)
	}
	if _, ok := tx["type"].(string); !ok {
		if failed, ok := tx["error"].(string); ok {
			return nil, fmt.Errorf("%s is not a transaction; the command before failed: %s", path, failed)
		}
		return nil, fmt.Errorf("%s is not a transaction: it has no type", path)
	}
	if keyFile == "" {
		return tx, nil
	}
	key, err := signing.LoadKey(keyFile)
	if err != nil || tx["sign"] != nil {
		return tx, err
	}
	return key.Sign(tx)
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
