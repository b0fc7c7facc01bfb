// Command soak keeps a network of processes busy with clients of all kinds that
// come and go, well-behaved and not, and shows whether anything stays behind:
//
//	make soak MINUTES=30
//	go run ./internal/soak -minutes 30 -o docs/soak bin/liberdus
//
// An archiver and three consensors over one ledger run as a user runs them. Every
// few seconds each is asked, by its operator's port, for its live heap after a
// collection and its goroutines, and the system for its descriptors; files of its
// data are counted apart, since a ledger has the more tables the more it has
// taken. After some time to warm up, the last quarter may hold 5 % more than the
// first at most (from ten minutes on: in less, chance is more than that), and
// nothing that an honest client does may fail. What was measured is written as soak.csv and drawn
// as soak.svg, also if it is no good.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(2)
	}
	if err := run(ctx, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// A config says how long, where the binary is, and where the figures go.
type config struct {
	binary string
	dir    string
	length time.Duration
	warm   time.Duration // of length: not judged
	judged bool          // whether what is held counts
}

// worthJudging is from when on quarters are long enough for chance to level out.
const worthJudging = 10 * time.Minute

func parse(args []string) (config, error) {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	minutes := flags.Float64("minutes", 30, "`N` minutes of load")
	dir := flags.String("o", ".", "`FOLDER` for soak.svg and soak.csv")
	if err := flags.Parse(args); err != nil {
		return config{}, err
	}
	cfg := config{dir: *dir, length: time.Duration(*minutes * float64(time.Minute))}
	if flags.NArg() != 1 || cfg.length < 5*time.Second {
		return cfg, errors.New("usage: soak [-minutes N] [-o FOLDER] LIBERDUS_BINARY; N at least 0.1")
	}
	cfg.warm, cfg.judged = min(cfg.length/4, 5*time.Minute), cfg.length >= worthJudging
	var err error
	cfg.binary, err = filepath.Abs(flags.Arg(0))
	return cfg, err
}

func run(ctx context.Context, cfg config) (err error) {
	home, err := os.MkdirTemp("", "liberdus-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	if home, err = filepath.EvalSymlinks(home); err != nil { // as the system names what is open in it
		return err
	}
	n, err := startNetwork(ctx, cfg.binary, home)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.stop()) }()

	load, err := newLoad(ctx, n, filepath.Join(home, "client"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	churning := make(chan struct{})
	go func() {
		load.run(ctx)
		close(churning)
	}()
	samples, err := n.sample(ctx, cfg.length, interval(cfg.length), load)
	cancel()
	<-churning
	if err != nil {
		return err
	}
	return report(cfg, n, samples, load)
}

// interval is the time between samples: often enough for chance to level out
// within a quarter, and seldom enough for the collections to be no load.
func interval(length time.Duration) time.Duration {
	return min(max(length/600, time.Second/2), 3*time.Second)
}
