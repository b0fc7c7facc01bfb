// Package browser finds the browser of this machine and says how it is started
// for tests and measurements: without a window, without a network of its own,
// and with WebRTC on loopback. For tests and the benchmarks alone.
package browser

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

// Find looks for Chromium under the names that distributions give it, or for
// the program that CHROME_PATH names. The error names the remedy.
func Find() (path string, err error) {
	names := []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}
	if named := os.Getenv("CHROME_PATH"); named != "" {
		names = []string{named}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no browser found (looked for %s): apt-get install chromium, or set CHROME_PATH", strings.Join(names, ", "))
}

// Options start the browser at path with an empty profile. Those in more come last.
func Options(path string, more ...chromedp.ExecAllocatorOption) []chromedp.ExecAllocatorOption {
	return append([]chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path),
		chromedp.Flag("headless", true),
		chromedp.Flag("no-sandbox", true), // the superuser may run no other
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("no-first-run", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		// PeerJS asks public STUN servers when it loads: no name of another machine resolves.
		// (Names in .local are what browsers put in place of their own addresses.)
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE *.local"),
		// WebRTC gathers no candidate on loopback, so on a machine that has no other
		// interface a page could reach nobody.
		chromedp.Flag("allow-loopback-in-peer-connection", true),
		chromedp.Flag("disable-dev-shm-usage", true), // containers have a small /dev/shm
		chromedp.WSURLReadTimeout(time.Minute),
	}, more...)
}
