// Package doctor looks, from where it runs, at all that a network needs: the
// archiver and its signed list, the clock, the way to a node by UDP and by TCP,
// and this machine. It changes nothing and remembers nothing.
package doctor

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/nodelist"
)

const (
	checkTime = 5 * time.Second  // of one check
	wholeTime = 15 * time.Second // of all
)

// A Status is how a check came out.
type Status string

// The statuses, from good to bad.
const (
	OK   Status = "ok"
	Warn Status = "warn" // works, but not as it should, or not for all
	Fail Status = "fail"
)

// A Finding is the outcome of one check.
type Finding struct {
	Check  string `json:"check"` // what was looked at, such as "clock"
	Of     string `json:"of"`    // of what, such as an archiver's URL
	Status Status `json:"status"`
	Found  string `json:"found"`
	Remedy string `json:"remedy,omitempty"` // what to do about it, unless it is ok
}

// A Report is all that was found, in the order of the way from here to a node.
type Report struct {
	Status Status    `json:"status"` // the worst
	Checks []Finding `json:"checks"`
}

// Config says what to look at.
type Config struct {
	// Settings are what the caller found where it read the settings.
	Settings []Finding
	// Archivers are those to ask; none leaves the network out.
	Archivers []nodelist.Archiver
	// Peer is the node to connect to; empty is two of the list.
	Peer string
	// Keys is the file that remembers the archivers' keys; it is only read. Empty
	// is none.
	Keys string
	// Archiver and Consensor are the roles that are to run here; nil is none.
	Archiver  *config.Archiver
	Consensor *config.Consensor
	// Files is how many files this process may have open, 0 if nobody knows;
	// WantedFiles how many one of the roles may come to need, and FilesRemedy how
	// to let it.
	Files, WantedFiles int
	FilesRemedy        string
	// Progress, if set, is told what is waited for.
	Progress func(string)
	// Log gets what the parts below say.
	Log *slog.Logger
}

// Run makes every check, those that need nothing of each other at once, and
// returns within about 15 s.
func Run(ctx context.Context, cfg Config) Report {
	ctx, cancel := context.WithTimeoutCause(ctx, wholeTime, fmt.Errorf("no time left: all checks together have %v", wholeTime))
	defer cancel()
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	jobs := []func() []Finding{func() []Finding { return cfg.Settings }, func() []Finding { return machine(ctx, cfg) }}
	if len(cfg.Archivers) == 0 {
		jobs = append(jobs, func() []Finding {
			return []Finding{{"archiver", "none", Warn, "no archiver is named, so nothing of the network was looked at", "name one with --archiver URL#KEY"}}
		})
	}
	if n := cfg.Consensor; n != nil {
		jobs = append(jobs, func() []Finding {
			own, _ := keyOf(*n) // an error is said beside the list
			return beside(ctx, *n, own)
		})
	}
	for _, a := range cfg.Archivers {
		jobs = append(jobs, func() []Finding { return newPatient(ctx, cfg, a).examine() })
	}
	return gather(jobs)
}

// gather runs the jobs at once and puts what they found in their order.
func gather(jobs []func() []Finding) Report {
	found := make([][]Finding, len(jobs))
	var wg sync.WaitGroup
	for i, job := range jobs {
		wg.Go(func() { found[i] = job() })
	}
	wg.Wait()
	r := Report{Status: OK, Checks: slices.Concat(found...)}
	for _, f := range r.Checks {
		if f.Status == Fail || f.Status == Warn && r.Status == OK {
			r.Status = f.Status
		}
	}
	return r
}
