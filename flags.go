package main

import (
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/telemetry"
	"github.com/liberdus/liberdus/roles"
)

// interleave moves flags before positional arguments, command by command, so
// that they work on either side of them.
func interleave(a *cli.App, args []string) []string {
	if len(args) > 0 && args[len(args)-1] == completeFlag {
		return args // as far as it was typed
	}
	out := args[:min(1, len(args))]
	commands, known := a.Commands, a.Flags
	var flags, positional []string
	for i := 1; i < len(args); i++ {
		arg := args[i]
		switch sub := find(commands, arg); {
		case arg == "--":
			positional = append(positional, args[i:]...)
			i = len(args)
		case len(arg) > 1 && arg[0] == '-':
			words, used := withValue(known, args[i:])
			flags = append(flags, words...)
			i += used - 1
		case sub != nil && len(positional) == 0:
			out = append(append(out, flags...), arg)
			flags, commands, known = nil, sub.Subcommands, sub.Flags
		default:
			positional = append(positional, arg)
		}
	}
	return append(append(out, flags...), positional...)
}

func find(list []*cli.Command, name string) *cli.Command {
	for _, c := range list {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// withValue returns the flag that args begin with, and its value if that is the
// argument after it: how it is to be written, and how many arguments it was.
func withValue(known []cli.Flag, args []string) (words []string, used int) {
	name, _, hasValue := strings.Cut(strings.TrimLeft(args[0], "-"), "=")
	i := slices.IndexFunc(known, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
	if i < 0 || hasValue || len(args) == 1 {
		return args[:1], 1
	}
	if _, isBool := known[i].(*cli.BoolFlag); !isBool {
		return args[:2], 2
	}
	if next := args[1]; next == "true" || next == "false" { // as one may write it for peerjs
		return []string{args[0] + "=" + next}, 2
	}
	return args[:1], 1
}

// Settings: flags that can also be given as LIBERDUS_<NAME> in the environment,
// and in a file. The default is shown only; config has the value.

func text(name, usage, def string, aliases ...string) cli.Flag {
	return &cli.StringFlag{Name: name, Aliases: aliases, Usage: usage, DefaultText: def, EnvVars: []string{config.EnvName(name)}}
}

func texts(name, usage, def string) cli.Flag {
	return &cli.StringSliceFlag{Name: name, Usage: usage, DefaultText: def, EnvVars: []string{config.EnvName(name)}}
}

func number(name, usage, def string, aliases ...string) cli.Flag {
	return &cli.IntFlag{Name: name, Aliases: aliases, Usage: usage, DefaultText: def, EnvVars: []string{config.EnvName(name)}}
}

func toggle(name, usage string, aliases ...string) cli.Flag {
	return &cli.BoolFlag{Name: name, Aliases: aliases, Usage: usage, DefaultText: "no", EnvVars: []string{config.EnvName(name)}}
}

func duration(name, usage, def string) cli.Flag {
	return &cli.DurationFlag{Name: name, Usage: usage, DefaultText: def, EnvVars: []string{config.EnvName(name)}}
}

// millis is a duration that may be a bare number of milliseconds.
func millis(name, usage, def string, aliases ...string) cli.Flag {
	return &cli.GenericFlag{Name: name, Aliases: aliases, Usage: usage, DefaultText: def, Value: new(config.Millis), EnvVars: []string{config.EnvName(name)}}
}

// word is a flag that only the command line sets.
func word(name, usage string) cli.Flag { return &cli.StringFlag{Name: name, Usage: usage} }

// with adds the flags that every command has. An empty level is that of
// programs, or of people on a terminal.
func with(level string, flags ...cli.Flag) []cli.Flag {
	return append(flags,
		logLevel(level),
		&cli.StringFlag{Name: "config", Usage: "settings `FILE` (see config.example.toml)", EnvVars: []string{config.EnvName("config")}})
}

func logLevel(level string) cli.Flag {
	shown := level
	if level == "" {
		shown = "info; warn on a terminal"
	}
	return &cli.StringFlag{Name: "log-level", Value: level, DefaultText: shown, Usage: "debug, info, warn or error", EnvVars: []string{config.EnvName("log-level")}}
}

// ops is the flag of the operator's port.
func ops() cli.Flag {
	return text("ops", "`ADDR` of the operator's port, such as 127.0.0.1:6090: metrics, health, profiles, and a page that shows all of it", "none")
}

// load returns the settings of a command: flags over environment over file over
// defaults.
func load(c *cli.Context) (config.File, *slog.Logger, error) {
	level, err := levelOf(c.String("log-level"))
	if err != nil {
		return config.File{}, nil, err
	}
	log := telemetry.NewLoggerAt(c.App.ErrWriter, level)
	f, err := config.Load(c.String("config"))
	if err != nil {
		return f, log, &roles.UsageError{Err: err}
	}
	return f, log, nil
}

// levelOf reads a log level. Empty is "info", or "warn" on a terminal, where a
// person reads what the command prints.
func levelOf(text string) (slog.Level, error) {
	if text == "" {
		text = "info"
		if telemetry.IsTerminal(os.Stderr) {
			text = "warn"
		}
	}
	level, err := telemetry.ParseLevel(text)
	if err != nil {
		return level, &roles.UsageError{Err: err}
	}
	return level, nil
}
