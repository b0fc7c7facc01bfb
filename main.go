// Command liberdus is a node, an archiver or a client of a Liberdus network
// whose clients reach the nodes over WebRTC.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/urfave/cli/v2"

	"github.com/liberdus/liberdus/internal/telemetry"
	"github.com/liberdus/liberdus/internal/version"
	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/roles/client"
)

// Exit codes.
const (
	exitFailed    = 1 // could not be done: archiver down, busy port, peer absent, timeout
	exitUsage     = 2 // wrong flags, unreadable or non-JSON input, bad configuration
	exitRefused   = 3 // the network refused the transaction
	exitNoAccount = 4 // there is no such account
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals(os.Args)...)
	context.AfterFunc(ctx, stop) // a second signal ends at once
	os.Exit(run(ctx, os.Args))
}

// stopSignals are those that end a command in good order. SIGHUP, the end of a
// terminal, is one unless nohup had it ignored. A server decides for itself what
// it means.
func stopSignals(args []string) []os.Signal {
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !isServer(args) && !signal.Ignored(syscall.SIGHUP) {
		list = append(list, syscall.SIGHUP)
	}
	return list
}

// flushTime is how long the last lines may take to be read.
const flushTime = time.Second

// run runs one command and returns the exit code. What it logs and the error at
// its end go the same way, one after the other, and wait for no reader.
func run(ctx context.Context, args []string) int {
	errs := telemetry.NewWriter(os.Stderr)
	defer errs.Close(flushTime)
	a := app()
	a.ErrWriter = errs
	err := a.RunContext(ctx, interleave(a, args))
	if err == nil {
		return 0
	}
	if _, usage := errors.AsType[*roles.UsageError](err); usage {
		fmt.Fprintln(errs, "liberdus:", oneLine(err))
		return exitUsage
	}
	switch {
	case errors.Is(err, client.ErrRefused):
		return exitRefused
	case errors.Is(err, client.ErrNoAccount):
		fmt.Fprintln(errs, "liberdus:", oneLine(err))
		return exitNoAccount
	}
	fmt.Fprintln(errs, "liberdus:", oneLine(err))
	return exitFailed
}

// oneLine returns the text of err fit for a terminal: part of it may be a
// stranger's.
func oneLine(err error) string { return printable(strings.ReplaceAll(err.Error(), "\n", "; ")) }

// printable replaces what steers a terminal, and what is not seen and changes the
// order or the look of what is.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, text)
}

func usagef(format string, args ...any) error {
	return &roles.UsageError{Err: fmt.Errorf(format, args...)}
}

func app() *cli.App {
	a := &cli.App{
		Name:                 "liberdus",
		Usage:                "reach the nodes of a Liberdus network over WebRTC",
		Version:              version.Text(),
		HideHelpCommand:      true,
		EnableBashCompletion: true,
		Description:          "Try it: run `liberdus devnet` in one terminal; it prints what to type in another.",
		Commands:             []*cli.Command{archiverCommand(), consensorCommand(), clientCommand(), devnetCommand(), ledgerCommand(), doctorCommand(), completionCommand()},
		Action:               group,
		ExitErrHandler:       func(*cli.Context, error) {}, // run maps errors to exit codes
	}
	a.OnUsageError = usageError
	var each func([]*cli.Command)
	each = func(list []*cli.Command) {
		for _, c := range list {
			c.OnUsageError = usageError
			c.HideHelpCommand = true
			showExamples(c)
			if c.Action == nil {
				c.Action = group
			}
			each(c.Subcommands)
		}
	}
	each(a.Commands)
	return a
}

func usageError(c *cli.Context, err error, _ bool) error {
	return usagef("%w (see %s --help)", err, c.Command.HelpName)
}

// group is the action of a command that only has subcommands. Its help goes where
// errors go: a program that reads the output has asked for something else.
func group(c *cli.Context) error {
	if c.Args().Present() {
		return usagef("unknown command %q (see %s --help)", c.Args().First(), c.Command.HelpName)
	}
	c.App.Writer = c.App.ErrWriter
	return errors.Join(usagef("no command given: name one of the above"), cli.ShowSubcommandHelp(c))
}
