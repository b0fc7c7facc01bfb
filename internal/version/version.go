// Package version says which program this is.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// Number is the version of this program.
const Number = "0.1.0"

// Text is the number, the commit where the program was built from a repository,
// and the Go it was built with: "0.1.0 (commit 0123456789ab of 2026-11-23) go1.26.8
// linux/amd64".
func Text() string {
	text := Number
	if info, ok := debug.ReadBuildInfo(); ok {
		if c := commit(info); c != "" {
			text += " (" + c + ")"
		}
	}
	return fmt.Sprintf("%s %s %s/%s", text, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// commit says what of the repository was built.
func commit(info *debug.BuildInfo) string {
	said := map[string]string{}
	for _, s := range info.Settings {
		said[s.Key] = s.Value
	}
	revision := said["vcs.revision"]
	if revision == "" {
		return ""
	}
	text := "commit " + revision[:min(12, len(revision))]
	if day, _, ok := strings.Cut(said["vcs.time"], "T"); ok {
		text += " of " + day
	}
	if said["vcs.modified"] == "true" {
		text += ", changed"
	}
	return text
}
