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
	var done []outcome
	var broken []error
	for _, s := range scenarios() {
		if !only.MatchString(s.title()) {
			continue
		}
		o, err := measure(ctx, e, s, *runs)
		if err != nil {
			broken = append(broken, fmt.Errorf("%s: %w", s.title(), err))
			continue
		}
		done = append(done, o)
	}
	if len(done)+len(broken) == 0 {
		return fmt.Errorf("no scenario matches -run %q", *pattern)
	}
	printTable(os.Stdout, done)
	fmt.Println()
	board := scoreboardOf(done)
	board.print(os.Stdout)
	if *output != "" {
		broken = append(broken, keep(*output, done))
		if *pattern == "" && len(broken) == 1 && broken[0] == nil { // all of it, whole
			broken = append(broken, board.keep(*output))
		}
	}
	return errors.Join(broken...)
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
