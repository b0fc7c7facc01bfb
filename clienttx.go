package main

import (
	"context"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/roles/client"
)

func txCommand() *cli.Command {
	to := word("to", "`ADDRESS` of the other user")
	lib := word("amount", "`LIB`, such as 10 or 0.5")
	node := word("node", "`PUBLICKEY` of the node, see liberdus client nodes")
	fee := &cli.StringFlag{Name: "fee", Usage: "`LIB`, the most to pay the network", DefaultText: "what it takes"}
	return &cli.Command{
		Name:        "tx",
		Usage:       "build and sign a transaction",
		Description: "Prints the signed transaction alone, to be piped into `liberdus client inject -`. It is good for about 5 seconds.",
		Subcommands: []*cli.Command{
			txKind("register", "give the key's user a name", "--alias alice",
				word("alias", "`NAME` of 1 to 20 lower-case letters and digits")),
			txKind("create", "make test funds for the key's user", "--amount 10", lib),
			txKind("transfer", "send LIB to another user", "--to ADDRESS --amount 1.5 --memo thanks",
				to, lib, fee, word("memo", "`TEXT` for the receiver")),
			txKind("message", "write to another user", "--to ADDRESS --message hello",
				to, word("message", "`TEXT`, which everybody can read"),
				&cli.StringFlag{Name: "amount", Usage: "`LIB`, the most toll to pay", DefaultText: "none"}, fee),
			txKind("read", "say that a chat was read, which earns its toll", "--to ADDRESS", to, fee),
			txKind("toll", "set the toll that others pay for a message", "--amount 20",
				&cli.StringFlag{Name: "amount", Usage: "how much, such as 20; 0 asks for nothing", DefaultText: "0"},
				&cli.StringFlag{Name: "unit", Usage: "LIB or USD", DefaultText: "LIB"}, fee),
			txKind("update_toll_required", "say whether another user pays a toll, or is blocked", "--to ADDRESS --required 0",
				to, &cli.IntFlag{Name: "required", Value: 1, Usage: "0 no toll, 1 a toll, 2 blocked"}, fee),
			txKind("reclaim_toll", "take back a toll that was not earned in time", "--to ADDRESS", to),
			txKind("deposit_stake", "stake LIB on a node", "--node PUBLICKEY --amount 800", node, lib),
			txKind("withdraw_stake", "get the stake on a node back", "--node PUBLICKEY",
				node, &cli.BoolFlag{Name: "force", DefaultText: "no", Usage: "what the transaction's member force says"}),
		},
	}
}

func txKind(name, usage, example string, own ...cli.Flag) *cli.Command {
	var aliases []string
	if plain := strings.ReplaceAll(name, "_", "-"); plain != name {
		aliases = []string{plain}
	}
	return &cli.Command{
		Name:    name,
		Aliases: aliases,
		Usage:   usage,
		Description: "Prints the signed transaction.\n\n" +
			"liberdus client tx " + name + " --key me.json " + example + " --archiver http://127.0.0.1:6080 | liberdus client inject --archiver http://127.0.0.1:6080 --wait -",
		Flags: with("warn", askFlags(append(own, text("key", "key `FILE` of the sender", ""))...)...),
		Action: func(c *cli.Context) error {
			return withClient(c, 0, "", func(ctx context.Context, cl *client.Client, cfg config.Client) (any, error) {
				return buildTx(ctx, c, cl, cfg)
			})
		},
	}
}

func buildTx(ctx context.Context, c *cli.Context, cl *client.Client, cfg config.Client) (any, error) {
	if cfg.Key == "" {
		return nil, usagef("no --key FILE to sign with (make one with liberdus client keygen)")
	}
	key, err := signing.LoadKey(cfg.Key)
	if err != nil {
		return nil, &roles.UsageError{Err: err}
	}
	return cl.Sign(ctx, client.Order{
		Kind: c.Command.Name, Alias: c.String("alias"), To: c.String("to"), Node: c.String("node"),
		Amount: c.String("amount"), Unit: c.String("unit"), Fee: c.String("fee"),
		Memo: c.String("memo"), Message: c.String("message"), Required: c.Int("required"), Force: c.Bool("force"),
	}, key)
}
