package main

import (
	"encoding/json"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/telemetry"
	"github.com/liberdus/liberdus/roles"
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
			cl, _, err := openClient(c, 1, "ID")
			if cl == nil {
				return err
			}
			if c.Int64("since") < 0 {
				return usagef("--since %d: it is 0 or more", c.Int64("since"))
			}
			progress := telemetry.NewProgress(os.Stderr)
			cl.Progress = progress.Set
			out := json.NewEncoder(os.Stdout)
			err = cl.Watch(c.Context, c.Args().First(), c.Int64("since"), progress.Done, func(w roles.Watched) error { return out.Encode(w) })
			progress.Done()
			if err != nil {
				return print(os.Stdout, nil, err)
			}
			return nil
		},
	}
}

// openClient makes the client of a command with so many arguments. If there is
// none, the error is the command's.
func openClient(c *cli.Context, args int, usage string) (*roles.Client, config.Client, error) {
	file, log, err := load(c)
	if err != nil {
		return nil, config.Client{}, err
	}
	cfg := file.Client
	config.Override(&cfg, c)
	if c.NArg() != args {
		return nil, cfg, usagef("usage: %s %s", c.Command.HelpName, usage)
	}
	if err := cfg.Validate(); err != nil {
		return nil, cfg, &roles.UsageError{Err: err}
	}
	cl, err := roles.NewClient(cfg, log)
	if err != nil {
		return nil, cfg, print(os.Stdout, nil, err)
	}
	return cl, cfg, nil
}
