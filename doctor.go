package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/doctor"
	"github.com/liberdus/liberdus/internal/telemetry"
	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/roles"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "find out what does not work, and what to do about it",
		Description: "Looks from where it runs: at the archiver (DNS, TCP, TLS, HTTP, its signed list), at this machine's clock against the\n" +
			"archiver's, at the way to two listed nodes or that of --peer, by UDP and by TCP, at the files, socket buffers and data folders\n" +
			"of this machine, and with --config at what the tables [archiver] and [consensor] of that file need. It changes nothing.\n" +
			"Each line is ok, warn or fail, with the remedy. It takes 15 s at most. Whether a node is reached from outside, only outside can tell.\n" +
			"Exit codes: 0 all is ok or a warning, 1 something fails, 2 wrong usage.\n\n" +
			"liberdus doctor --archiver https://archiver.example.org#KEY\n" +
			"liberdus doctor --config /etc/liberdus/config.toml --format json",
		Flags: with("error",
			&cli.StringFlag{Name: "format", Value: "text", Usage: "text for people, json for programs"},
			texts("archiver", "`URL` or URL#PUBLICKEY of an archiver to look at, repeatable", "those of the file"),
			text("peer", "peer `ID` of a node to connect to", "two of the list"),
			text("data", "`DIR` that remembers archivers' keys", "the client's, or the consensor's of the file"),
		),
		Action: runDoctor,
	}
}

// errUnwell is the end of a doctor that found something to fail.
var errUnwell = errors.New("something fails: see the lines above")

func runDoctor(c *cli.Context) error {
	form, err := format(c)
	if err != nil {
		return err
	}
	if err := noArgs(c); err != nil {
		return &roles.UsageError{Err: err}
	}
	progress := telemetry.NewProgress(os.Stderr)
	cfg, err := doctorConfig(c)
	if err != nil {
		return err
	}
	cfg.Progress = progress.Set
	report := doctor.Run(c.Context, cfg)
	progress.Done()
	if form == "json" {
		err = print(os.Stdout, report, nil)
	} else {
		err = showReport(newPage(os.Stdout), report)
	}
	if err == nil && report.Status == doctor.Fail {
		err = errUnwell
	}
	return err
}

// doctorConfig gathers what to look at. A file that cannot be used is a finding,
// and the rest is looked at all the same.
func doctorConfig(c *cli.Context) (doctor.Config, error) {
	cfg := doctor.Config{Peer: c.String("peer")}
	level := c.String("log-level")
	log, err := telemetry.NewLogger(c.App.ErrWriter, level)
	if err != nil {
		return cfg, &roles.UsageError{Err: err}
	}
	cfg.Log = log
	f := useFile(&cfg, c.String("config"))
	archivers := f.Client.Archiver
	if cfg.Consensor != nil {
		archivers = cfg.Consensor.Archiver
	} else if cfg.Archiver != nil && len(archivers) == 0 {
		archivers = ownURL(*cfg.Archiver)
	}
	if c.IsSet("archiver") {
		archivers = c.StringSlice("archiver")
	}
	for _, text := range archivers {
		a, err := nodelist.ParseArchiver(text)
		if err != nil {
			return cfg, usagef("--archiver: %w", err)
		}
		cfg.Archivers = append(cfg.Archivers, a)
	}
	cfg.Keys = keysFile(c, cfg, f)
	cfg.Files, _ = roles.MaxFiles()
	return cfg, nil
}

// useFile takes the tables of a configuration file that are there and valid.
func useFile(cfg *doctor.Config, path string) config.File {
	f := config.Default()
	if path == "" {
		return f
	}
	say := func(s doctor.Status, found, remedy string) {
		cfg.Settings = append(cfg.Settings, doctor.Finding{Check: "config", Of: path, Status: s, Found: found, Remedy: remedy})
	}
	loaded, err := config.Load(path)
	if err != nil {
		say(doctor.Fail, oneLine(err), "mend the file; config.example.toml has every key")
		return f
	}
	tables, err := config.Tables(path)
	if err != nil {
		say(doctor.Fail, oneLine(err), "mend the file")
		return f
	}
	check := func(table string, err error) bool {
		if !slices.Contains(tables, table) {
			return false
		}
		if err != nil {
			say(doctor.Fail, "["+table+"]: "+oneLine(err), "mend the file; keys are the flags' names with _ for -")
			return false
		}
		say(doctor.OK, "["+table+"] is valid", "")
		return true
	}
	if check("archiver", loaded.Archiver.Validate()) {
		cfg.Archiver = &loaded.Archiver
		cfg.WantedFiles, cfg.FilesRemedy, _ = roles.WantedFiles(loaded.Archiver)
	}
	if check("consensor", loaded.Consensor.Validate()) {
		cfg.Consensor = &loaded.Consensor
		if n, remedy, err := roles.WantedFilesOfNode(loaded.Consensor); err == nil && n > cfg.WantedFiles {
			cfg.WantedFiles, cfg.FilesRemedy = n, remedy
		}
	}
	if check("client", loaded.Client.Validate()) {
		f.Client = loaded.Client
	}
	return f
}

// ownURL is where an archiver of these settings is asked on its own machine,
// none if that cannot be told.
func ownURL(a config.Archiver) []string {
	switch addrs := a.PublicAddrs(); {
	case a.PublicURL != "":
		return []string{a.PublicURL}
	case len(a.ACME) > 0:
		return []string{"https://" + net.JoinHostPort(a.ACME[0], portOf(addrs))}
	case a.TLSCert == "":
		return []string{"http://" + net.JoinHostPort("127.0.0.1", portOf(addrs))}
	}
	return nil
}

// portOf is the port of the first address that browsers may connect to.
func portOf(addrs []string) string {
	best := ""
	for _, addr := range slices.Backward(addrs) {
		_, port, _ := net.SplitHostPort(addr)
		if n, err := strconv.Atoi(port); err == nil && (best == "" || config.BrowserSafe(n)) {
			best = port
		}
	}
	return best
}

// keysFile is the file that remembers archivers' keys, "" if there is none.
func keysFile(c *cli.Context, cfg doctor.Config, f config.File) string {
	dir := cmp.Or(c.String("data"), f.Client.Data)
	if !c.IsSet("data") && cfg.Consensor != nil {
		dir = cfg.Consensor.Data
	}
	if dir == "" {
		base, err := os.UserConfigDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(base, "liberdus")
	}
	return filepath.Join(dir, "archivers.json")
}

// showReport writes a line for each finding, with its remedy below it.
func showReport(p *page, r doctor.Report) error {
	var b strings.Builder
	for _, f := range r.Checks {
		of := f.Of
		if nodelist.IsKey(of) {
			of = of[:8]
		}
		fmt.Fprintf(&b, "%s%-4s%s  %-11s %s: %s\n", p.bold, f.Status, p.plain, f.Check, printable(of), printable(f.Found))
		if f.Remedy != "" && f.Status != doctor.OK {
			fmt.Fprintf(&b, "      %-11s to do: %s\n", "", printable(f.Remedy))
		}
	}
	_, err := io.WriteString(p.w, b.String())
	return err
}
