package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) >= 2 && args[0] == "serve" {
		return serveRole(ctx, args[1])
	}
	if len(args) >= 2 && args[0] == "load" {
		return loadRole(ctx, args[1])
	}
	return conduct(ctx, args)
}

// conduct runs the scenarios and reports them.
func conduct(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	pattern := flags.String("run", "", "only the scenarios whose \"section: name\" matches this `regexp`")
	runs := flags.Int("runs", 3, "`N` measurements of each side, in turns")
	quick := flags.Bool("quick", false, "smaller numbers: to see that it works, not to compare")
	output := flags.String("o", "", "write the tables into this `file`, between its markers, and the curves beside it")
	_ = flags.Parse(args) // exits on errors
	only, err := regexp.Compile(*pattern)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	if *runs < 1 {
		return fmt.Errorf("-runs %d: at least 1 is needed", *runs)
	}
	if *quick && *output != "" {
		return errors.New("-o with -quick: quick figures are not for keeping")
	}
	e, err := newEnv(*quick)
	if err != nil {
		return err
	}
	known, err := openBook(*output)
	if err != nil {
		return err
	}
	chosen := slices.DeleteFunc(scenarios(), func(s scenario) bool { return !only.MatchString(s.title()) || s.part && *pattern == "" })
	if len(chosen) == 0 {
		return fmt.Errorf("no scenario matches -run %q", *pattern)
	}
	var broken []error
	for i, s := range chosen {
		fmt.Fprintf(os.Stderr, "%d of %d: %s\n", i+1, len(chosen), s.title())
		if err := report(ctx, e, s, *runs, known, *output); err != nil {
			broken = append(broken, fmt.Errorf("%s: %w", s.title(), err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	if *output == "" {
		printTable(os.Stdout, known.outcomes(chosen))
		fmt.Println()
	}
	scoreboardOf(known.outcomes(scenarios())).print(os.Stdout)
	return errors.Join(broken...)
}

// report measures a scenario and keeps what it gave, at once: all of them take hours.
func report(ctx context.Context, e *env, s scenario, runs int, known *book, output string) error {
	o, err := measure(ctx, e, s, runs)
	if err == nil {
		err = known.enter(o)
	}
	if err != nil || output == "" {
		return err
	}
	return keep(output, s.section, known.outcomes(scenarios()))
}

// newEnv looks whether what every scenario needs is there.
func newEnv(quick bool) (*env, error) {
	if runtime.NumCPU() < 2 {
		return nil, errors.New("two cores are needed: one for the server, one for the load")
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	for _, need := range []string{ours, peerPackage} {
		if _, err := os.Stat(need); err != nil {
			return nil, fmt.Errorf("%w: start this from the top of the tree with `make bench`, which makes what is missing", err)
		}
	}
	return &env{self: self, quick: quick, serverCore: "0", loadCore: "1"}, nil
}
