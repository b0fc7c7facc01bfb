package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/telemetry"
	"github.com/liberdus/liberdus/roles"
)

func ledgerCommand() *cli.Command {
	command := func(name, usage, args, description string, do ledgerTask) *cli.Command {
		return &cli.Command{
			Name: name, Usage: usage, ArgsUsage: args, Description: description,
			Flags: with("warn", text("data", "data `DIR` of a consensor or devnet", "liberdus-data/consensor")),
			Action: func(c *cli.Context) error {
				return runLedger(c, args, do)
			},
		}
	}
	return &cli.Command{
		Name:  "ledger",
		Usage: "copy and check the ledger of a consensor",
		Description: "Each command prints one JSON document on stdout, also when it fails: {\"error\"}; except wrong usage, which is\n" +
			"said on stderr alone. Progress and logs go to stderr.\n" +
			"Exit codes: 0 done, 1 could not be done or not sound, 2 wrong usage or input.",
		Subcommands: []*cli.Command{
			command("export", "write all of it to a file", "FILE|-", "One JSON object a line, the same for the same ledger; of a consensor that runs, as it is at that moment. FILE must be new; - is stdout, whose last line is the document then.\n\n"+
				"liberdus ledger export --data /var/lib/liberdus ledger.jsonl\nliberdus ledger export - | gzip > ledger.jsonl.gz", exportLedger),
			command("import", "make a ledger of such a file", "FILE|-", "Into a data folder without a ledger.\n\nliberdus ledger import --data /var/lib/liberdus ledger.jsonl", importLedger),
			command("verify", "check every hash and the sum of all amounts", "", "Of a consensor that does not run; of one that does, import an export elsewhere and verify that.\n\nliberdus ledger verify --data /var/lib/liberdus", verifyLedger),
		},
	}
}

// A ledgerTask does one command's work with the ledger in dir and the file that
// was named. A nil document is not printed.
type ledgerTask func(ctx context.Context, dir, file string, log *slog.Logger, progress func(records int)) (doc any, err error)

func runLedger(c *cli.Context, args string, do ledgerTask) error {
	f, log, err := load(c)
	if err != nil {
		return err
	}
	if want := args != ""; (c.NArg() == 1) != want || c.NArg() > 1 {
		return usagef("usage: %s [--data DIR] %s", c.Command.HelpName, args)
	}
	cfg := f.Consensor // whose ledger it is
	if c.IsSet("data") {
		cfg.Data = c.String("data")
	}
	bar := telemetry.NewProgress(os.Stderr)
	doc, err := do(c.Context, filepath.Join(cfg.Data, "ledger"), c.Args().First(), log, func(records int) {
		bar.Set(fmt.Sprintf("%d records", records))
	})
	bar.Done()
	if err != nil {
		doc = struct {
			Error string `json:"error"`
		}{oneLine(err)}
	} else if doc == nil {
		return nil
	}
	return print(os.Stdout, doc, err)
}

// withOffline runs f on the ledger in dir.
func withOffline(dir string, log *slog.Logger, f func(*ledger.Offline) (any, error)) (doc any, err error) {
	o, err := ledger.OpenOffline(dir, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	return f(o)
}

// exportLedger asks the process that has the ledger, if one has it.
func exportLedger(ctx context.Context, dir, file string, log *slog.Logger, progress func(int)) (any, error) {
	o, err := ledger.OpenOffline(dir, log)
	if errors.Is(err, ledger.ErrInUse) {
		return keepExport(file, func(w io.Writer) (ledger.Exported, error) {
			return liveExport(ctx, dir, err, w, progress)
		})
	}
	if err != nil {
		return nil, err
	}
	doc, err := keepExport(file, func(w io.Writer) (ledger.Exported, error) { return o.Export(ctx, w, progress) })
	return doc, errors.Join(err, o.Close())
}

// liveExport gets the export from the process that has the ledger, for which
// inUse is the evidence.
func liveExport(ctx context.Context, dir string, inUse error, w io.Writer, progress func(int)) (ledger.Exported, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", filepath.Join(filepath.Dir(dir), roles.ExportSocket))
	if err != nil {
		return ledger.Exported{}, fmt.Errorf("%w; its process hands out no exports: %w", inUse, err)
	}
	defer conn.Close() // it was only read
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	return ledger.Receive(conn, w, progress)
}

// keepExport writes an export to a new file, or to stdout.
func keepExport(file string, export func(io.Writer) (ledger.Exported, error)) (any, error) {
	if file == "-" {
		_, err := export(os.Stdout)
		return nil, err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	done, err := export(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil { // half an export is worth nothing
		return nil, errors.Join(err, os.Remove(file))
	}
	return done, nil
}

func importLedger(ctx context.Context, dir, file string, log *slog.Logger, progress func(int)) (any, error) {
	in := io.Reader(os.Stdin)
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, &roles.UsageError{Err: err}
		}
		defer f.Close() // it was only read
		in = f
	}
	done, err := ledger.Import(ctx, dir, in, log, progress)
	if errors.Is(err, ledger.ErrImport) {
		err = &roles.UsageError{Err: err}
	}
	return done, err
}

func verifyLedger(ctx context.Context, dir, _ string, log *slog.Logger, progress func(int)) (any, error) {
	return withOffline(dir, log, func(o *ledger.Offline) (any, error) {
		b, err := o.Verify(ctx, progress)
		if err != nil {
			return nil, err
		}
		wei := func(n *big.Int) string { return n.String() }
		return map[string]any{
			"sound": true, "accounts": b.Accounts, "chats": b.Chats, "messages": b.Messages, "receipts": b.Receipts,
			"balances": wei(b.Balances), "tolls": wei(b.Tolls), "stakes": wei(b.Stakes), "made": wei(b.Made), "burnt": wei(b.Burnt),
		}, nil
	})
}
