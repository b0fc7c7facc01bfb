package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// leaves calls f for each command that does something, with its path from liberdus on.
func leaves(path []string, list []*cli.Command, f func(path []string, c *cli.Command)) {
	for _, c := range list {
		at := append(slices.Clone(path), c.Name)
		if len(c.Subcommands) == 0 {
			f(at, c)
		}
		leaves(at, c.Subcommands, f)
	}
}

// Every command has examples in its help, and each of them is one that it takes.
func TestExamples(t *testing.T) {
	leaves([]string{"liberdus"}, app().Commands, func(path []string, _ *cli.Command) {
		name := strings.Join(path, " ")
		t.Run(name, func(t *testing.T) {
			var help bytes.Buffer
			a := app()
			a.Writer = &help
			if err := a.RunContext(context.Background(), append(slices.Clone(path), "--help")); err != nil {
				t.Fatal(err)
			}
			_, examples, found := strings.Cut(help.String(), "\nEXAMPLES:\n")
			if !found {
				t.Fatalf("no examples in\n%s", help.String())
			}
			own := false
			for line := range strings.Lines(examples) {
				for command := range strings.SplitSeq(strings.TrimSpace(line), " | ") {
					own = checkExample(t, command) == name || own
				}
			}
			if !own {
				t.Errorf("none of the examples is of %s:\n%s", name, examples)
			}
		})
	})
}

// checkExample demands that a command line is understood, and returns which command it is of.
func checkExample(t *testing.T, line string) (reached string) {
	t.Helper()
	line, _, _ = strings.Cut(line, " # ")
	line, _, _ = strings.Cut(line, " > ")
	if inner, ok := strings.CutPrefix(line, "source <("); ok {
		line = strings.TrimSuffix(strings.TrimSpace(inner), ")")
	}
	words := strings.Fields(line)
	if words[0] != "liberdus" {
		return ""
	}
	a := app()
	leaves(words[:1], a.Commands, func(path []string, c *cli.Command) {
		c.Action = func(ctx *cli.Context) error {
			reached = strings.Join(path, " ")
			if least, most := arguments(c.ArgsUsage); ctx.NArg() < least || ctx.NArg() > most {
				t.Errorf("%s: %d arguments, want %d to %d (%s)", line, ctx.NArg(), least, most, c.ArgsUsage)
			}
			return nil
		}
	})
	if err := a.RunContext(context.Background(), interleave(a, words)); err != nil {
		t.Errorf("%s: %v", line, err)
	}
	return reached
}

// arguments reads what the usage says of their number: words, of which those in brackets may be missing, and
// those on either side of | are one.
func arguments(usage string) (least, most int) {
	for _, word := range strings.Fields(strings.ReplaceAll(usage, " | ", "|")) {
		most++
		if !strings.HasPrefix(word, "[") {
			least++
		}
	}
	return least, most
}

func TestSplitExamples(t *testing.T) {
	text, examples := splitExamples("One.\nTwo.\n\nliberdus a\nliberdus b\n\nThree:\n\ncurl c")
	if text != "One.\nTwo.\n\nThree:" || !slices.Equal(examples, []string{"liberdus a", "liberdus b", "curl c"}) {
		t.Errorf("= %q, %q", text, examples)
	}
	if text, examples := splitExamples("liberdus is a program.\nReally."); len(examples) > 0 || text == "" {
		t.Errorf("prose is taken for examples: %q", examples)
	}
}
