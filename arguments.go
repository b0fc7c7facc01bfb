package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// countArgs says what is wrong with a command line that has not so many
// arguments.
func countArgs(c *cli.Context, want int, usage string) error {
	line := strings.TrimSpace(c.Command.HelpName + " " + usage)
	if name, value := swallowed(c); name != "" && c.NArg() != want {
		return usagef("--%s has no value: %s after it is a flag, too (usage: %s; --%s=%s if that is the value)", name, value, line, name, value)
	}
	switch {
	case c.NArg() < want:
		return usagef("an argument is missing (usage: %s)", line)
	case c.NArg() > want:
		return usagef("unexpected argument %q (usage: %s)", c.Args().Get(want), line)
	}
	return nil
}

// swallowed returns a flag of c that was given another flag for its value, and
// that flag as it was written; "" if there is none.
func swallowed(c *cli.Context) (name, value string) {
	for _, f := range c.Command.Flags {
		given, isText := c.Value(f.Names()[0]).(string)
		if !isText || !strings.HasPrefix(given, "-") || !c.IsSet(f.Names()[0]) {
			continue
		}
		other := strings.TrimLeft(given, "-")
		if slices.ContainsFunc(c.Command.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), other) }) {
			return f.Names()[0], given
		}
	}
	return "", ""
}
