// Package e2e runs the liberdus binary as a user runs it: real processes on ports the system
// chose, spoken to by programs that nobody here wrote.
//
//	stock peerjs, simple-peerjs   in Chromium (pages/) and in Node (js/)
//	the npm peer server           in place of the archiver's signalling server
//	strace                        for what really reached the disk
//	ip, nft                       for networks between hosts: NAT, firewalls, addresses that change
//	Prometheus                    for what is told of every role
//
// Everything it needs is present or the suite fails and says what to install: a test that is
// skipped where a tool is missing proves nothing there.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/liberdus/liberdus/internal/browser"
	"github.com/liberdus/liberdus/internal/testacme"
)

// A toolbox holds the paths of what the tests start. It is filled in TestMain and fixed afterwards.
type toolbox struct {
	liberdus string // the binary under test, built with the race detector
	browser  string // Chromium or Chrome
	library  string // simple-peerjs as one script for a browser
	nginx    string
	caddy    string
	certutil string // of NSS, whose database is where Chromium looks for authorities

	prometheus string
}

var tools toolbox

func TestMain(m *testing.M) {
	if asked, code := runElsewhen(); asked {
		os.Exit(code)
	}
	if os.Getenv(talkerEnv) != "" {
		os.Exit(talk())
	}
	if os.Getenv(askerEnv) != "" {
		os.Exit(askOnAndOn())
	}
	if os.Getenv(impairerEnv) != "" {
		os.Exit(impairOnAndOn())
	}
	if os.Getenv(payerEnv) != "" {
		os.Exit(payOnAndOn())
	}
	os.Exit(suite(m))
}

func suite(m *testing.M) int {
	dir, err := os.MkdirTemp("", "liberdus-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer os.RemoveAll(dir)

	if tools, err = prepare(dir); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	if code != 0 {
		return code
	}
	if err := goleak.Find(testacme.Leaks()...); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: the tests left goroutines behind:", err)
		return 1
	}
	return 0
}

// prepare builds and installs in dir what the tests need.
func prepare(dir string) (toolbox, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()

	box := toolbox{
		liberdus: filepath.Join(dir, "liberdus"),
		library:  filepath.Join(dir, "simple-peerjs.js"),
	}
	var err error
	if box.browser, err = browser.Find(); err != nil {
		return box, err
	}
	if box.certutil, err = exec.LookPath("certutil"); err != nil {
		return box, errors.New("no certutil found: apt-get install libnss3-tools")
	}
	if box.nginx, err = findNginx(); err != nil {
		return box, err
	}
	if box.caddy, err = exec.LookPath("caddy"); err != nil {
		return box, errors.New("no caddy found: apt-get install caddy")
	}
	if box.prometheus, err = exec.LookPath("prometheus"); err != nil {
		return box, errors.New("no prometheus found: apt-get install prometheus")
	}
	if err := command(ctx, "..", "go", "build", "-race", "-o", box.liberdus, "."); err != nil {
		return box, fmt.Errorf("build the binary (the race detector needs a C compiler: apt-get install gcc libc6-dev): %w", err)
	}
	if err := installPackages(ctx); err != nil {
		return box, err
	}
	return box, bundle(ctx, box.library)
}

// findNginx looks in the folder of system programs too, which is not on every user's path.
func findNginx() (string, error) {
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no nginx found: apt-get install nginx-light")
}

// installPackages runs npm ci in js/ unless what is installed is as new as the lock file.
func installPackages(ctx context.Context) error {
	lock, err := os.Stat("js/package-lock.json")
	if err != nil {
		return err
	}
	// npm writes this file last, so an installation that was cut short does not count.
	installed, err := os.Stat("js/node_modules/.package-lock.json")
	switch {
	case err == nil && !installed.ModTime().Before(lock.ModTime()):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := command(ctx, "js", "npm", "ci"); err != nil {
		return fmt.Errorf("install the npm packages (Node.js 20 and npm are needed): %w", err)
	}
	return nil
}

// bundle makes one script of simple-peerjs, which has no build for browsers of its own,
// and simple-peer's stock browser build. The script defines the global SimplePeerJs.
func bundle(ctx context.Context, out string) error {
	return command(ctx, "js", "node_modules/.bin/esbuild", "simple-peerjs", "--bundle",
		"--platform=browser", "--format=iife", "--global-name=SimplePeerJs",
		"--alias:simple-peer=simple-peer/simplepeer.min.js", "--log-level=warning", "--outfile="+out)
}

// command runs a program to its end in dir; what it said is in the error.
func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
