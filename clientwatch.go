package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/telemetry"
	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/roles/client"
)

func watchCommand() *cli.Command {
	return &cli.Command{
		Name:      "watch",
		Usage:     "print a line whenever an account changes",
		ArgsUsage: "ID",
		Description: "Prints {\"account\",\"timestamp\",\"chatTimestamp\",\"seq\",\"peer\"}, one document a line: at first how the account stands, if it exists,\n" +
			"then each change within a moment, of many at once the last. It goes on over lost connections, and over nodes that stop, until\n" +
			"Ctrl-C or SIGTERM (exit code 0). To go on where an earlier watch has left, give the last \"seq\" with --since.\n\n" +
			"liberdus client watch --archiver http://127.0.0.1:6080 ID",
		Flags: dialFlags(&cli.Int64Flag{Name: "since", DefaultText: "0, the beginning", Usage: "`SEQ` that was seen last, or a time in ms: print what is newer"}),
		Action: func(c *cli.Context) error {
			if c.Int64("since") < 0 {
				return usagef("--since %d: it is 0 or more", c.Int64("since"))
			}
			form, err := format(c)
			if err != nil {
				return err
			}
			cfg, log, err := clientSettings(c, 1, "ID")
			if err != nil {
				return err
			}
			progress := telemetry.NewProgress(os.Stderr)
			cl, err := openClient(cfg, log, progress)
			if err != nil {
				return printFailure(form, err)
			}
			defer cl.Close()
			err = watch(c.Context, cl, c.Args().First(), c.Int64("since"), form, progress)
			progress.Done()
			if err != nil && c.Context.Err() == nil {
				return printFailure(form, err)
			}
			return nil
		},
	}
}

// watch prints events until ctx ends.
func watch(ctx context.Context, cl *client.Client, id string, since int64, form string, progress *telemetry.Progress) error {
	sub, err := cl.Subscribe(ctx, id, since)
	if err != nil {
		return err
	}
	defer sub.Close()
	progress.Done()
	out := json.NewEncoder(os.Stdout)
	for {
		e, err := sub.Next(ctx)
		if err != nil {
			return err
		}
		if form == "text" {
			_, err = fmt.Printf("%s  %s changed (seq %d, told by %s)\n", time.UnixMilli(e.Timestamp).Format(time.DateTime), printable(e.Account), e.Seq, printable(e.Peer))
		} else {
			err = out.Encode(e)
		}
		if err != nil {
			return err
		}
	}
}

// clientSettings returns those of a client command with so many arguments.
func clientSettings(c *cli.Context, args int, usage string) (config.Client, *slog.Logger, error) {
	file, log, err := load(c)
	if err != nil {
		return config.Client{}, nil, err
	}
	cfg := file.Client
	config.Override(&cfg, c)
	if err := countArgs(c, args, usage); err != nil {
		return cfg, nil, err
	}
	if err := cfg.Validate(); err != nil {
		return cfg, nil, &roles.UsageError{Err: err}
	}
	return cfg, log, nil
}

// openClient makes the client of a command.
func openClient(cfg config.Client, log *slog.Logger, progress *telemetry.Progress) (*client.Client, error) {
	own := clientConfig(cfg)
	own.Log, own.Progress = log, progress.Set
	return client.New(own)
}

// clientConfig returns the settings of the package for those of the table.
func clientConfig(cfg config.Client) client.Config {
	own := client.DefaultConfig()
	own.Archivers, own.Peer, own.Data, own.Timeout = cfg.Archiver, cfg.Peer, cfg.Data, cfg.Timeout
	own.RequireIdentity, own.Dialect, own.Sessions = cfg.RequireIdentity, cfg.Dialect, cfg.Sessions
	return own
}
