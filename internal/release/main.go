// Command release makes what `make release` makes: for each platform an archive
// with a static program, and the checksums of all. Two runs on one commit with
// one version of Go give the same bytes, wherever they run.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/version"
)

const everyPlatform = "linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64"

func main() {
	out := flag.String("o", "dist", "folder of the archives; what is in it is replaced")
	platforms := flag.String("platforms", everyPlatform, "GOOS/GOARCH, separated by spaces")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := release(ctx, *out, strings.Fields(*platforms)); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func release(ctx context.Context, out string, platforms []string) error {
	made, err := commitTime(ctx)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "liberdus-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := errors.Join(os.RemoveAll(out), os.MkdirAll(out, 0o755)); err != nil {
		return err
	}
	var sums strings.Builder
	for _, platform := range platforms {
		goos, goarch, ok := strings.Cut(platform, "/")
		if !ok {
			return fmt.Errorf("platform %q is not GOOS/GOARCH", platform)
		}
		archive, err := one(ctx, work, goos, goarch, made)
		if err != nil {
			return fmt.Errorf("%s: %w", platform, err)
		}
		if err := os.WriteFile(filepath.Join(out, archive.name), archive.data, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(archive.data), archive.name)
		fmt.Printf("%s  %.1f MB\n", archive.name, float64(len(archive.data))/1e6)
	}
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(sums.String()), 0o644)
}

// commitTime is the time of the commit: everything in the archives bears it.
func commitTime(ctx context.Context) (time.Time, error) {
	text, err := exec.CommandContext(ctx, "git", "log", "-1", "--format=%ct").Output()
	if err != nil {
		return time.Time{}, fmt.Errorf("time of the commit (a release is made of a git clone): %w", err)
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return time.Unix(seconds, 0).UTC(), err
}

// one builds the program for a platform and packs it.
func one(ctx context.Context, work, goos, goarch string, made time.Time) (archive, error) {
	name := "liberdus"
	if goos == "windows" {
		name += ".exe"
	}
	path := filepath.Join(work, goos+"-"+goarch, name)
	if err := build(ctx, path, goos, goarch); err != nil {
		return archive{}, err
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return archive{}, err
	}
	files := []file{{name, 0o755, program}}
	beside := []string{"README.md", "SECURITY.md", "config.example.toml"}
	if goos == "linux" {
		beside = append(beside, "packaging/systemd/liberdus-archiver.service", "packaging/systemd/liberdus-consensor.service", "packaging/systemd/liberdus.sysusers")
	}
	for _, path := range beside {
		text, err := os.ReadFile(path)
		if err != nil {
			return archive{}, err
		}
		files = append(files, file{filepath.Base(path), 0o644, text})
	}
	return pack(fmt.Sprintf("liberdus-%s-%s-%s", version.Number, goos, goarch), goos == "windows", files, made)
}

// build makes a static program that tells its commit, and nothing of the machine
// it was built on.
func build(ctx context.Context, out, goos, goarch string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w -buildid=", "-o", out, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch, "GOFLAGS=", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, text)
	}
	return nil
}
