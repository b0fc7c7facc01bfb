// Package packaging checks what is given away: that a release can be made again
// byte for byte, and that the files around the program fit it.
package packaging

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"github.com/liberdus/liberdus/internal/needs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs a program to its end in dir.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Two clones of one commit, in different places, give the same archive. What is in
// it needs no library of the machine and says which commit it is.
func TestRelease(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	var archives [2][]byte
	var commit string
	for i, folder := range []string{"here", "quite/elsewhere"} {
		clone := filepath.Join(t.TempDir(), folder)
		run(t, root, "git", "clone", "-q", "file://"+root, clone)
		run(t, clone, "make", "-s", "release", "PLATFORMS=linux/amd64")
		commit = strings.TrimSpace(run(t, clone, "git", "rev-parse", "--short=12", "HEAD"))
		sums, err := os.ReadFile(filepath.Join(clone, "dist/SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		sum, name, _ := strings.Cut(strings.TrimSpace(string(sums)), "  ")
		if archives[i], err = os.ReadFile(filepath.Join(clone, "dist", name)); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(archives[i])); got != sum {
			t.Errorf("SHA256SUMS has %s, want %s", sum, got)
		}
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Errorf("the archives differ: %d and %d bytes", len(archives[0]), len(archives[1]))
	}
	files := unpack(t, archives[0])
	for _, name := range []string{"README.md", "SECURITY.md", "config.example.toml", "liberdus-archiver.service", "liberdus-consensor.service", "liberdus.sysusers"} {
		if len(files[name]) == 0 {
			t.Errorf("the archive has no %s", name)
		}
	}
	program, err := elf.NewFile(bytes.NewReader(files["liberdus"]))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the program is not static: it has a %v", p.Type)
		}
	}
	if runtime.GOOS+"/"+runtime.GOARCH != "linux/amd64" {
		return
	}
	path := filepath.Join(t.TempDir(), "liberdus")
	if err := os.WriteFile(path, files["liberdus"], 0o700); err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`^liberdus version \d+\.\d+\.\d+ \(commit ` + commit + ` of \d{4}-\d\d-\d\d\) go1\.\S+ linux/amd64\n$`)
	if got := run(t, ".", path, "--version"); !want.MatchString(got) {
		t.Errorf("--version says %q, want %v", got, want)
	}
}

// unpack returns the files of an archive by their names without the folder.
func unpack(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[filepath.Base(h.Name)], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// The units are well formed, and systemd finds them little exposed.
func TestUnits(t *testing.T) {
	needs.Program(t, "systemd-analyze", "systemd")
	dir := t.TempDir()
	program := filepath.Join(dir, "liberdus")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"archiver", "consensor"} {
		name := "liberdus-" + role + ".service"
		text, err := os.ReadFile(filepath.Join("systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		unit := strings.Replace(string(text), "/usr/local/bin/liberdus", program, 1)
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(unit), 0o600); err != nil {
			t.Fatal(err)
		}
		if out := run(t, dir, "systemd-analyze", "verify", path); out != "" {
			t.Errorf("%s: %s", name, out)
		}
		// 10 is a service that may do anything; the threshold is in tenths.
		run(t, dir, "systemd-analyze", "security", "--offline=true", "--threshold=20", path)
	}
}

// The documents' command makes the user that the units name, as whom nobody logs in.
func TestSysusers(t *testing.T) {
	needs.Program(t, "systemd-sysusers", "systemd")
	made := regexp.MustCompile(`(?m)^liberdus:x:[1-9]\d*:[1-9]\d*:Liberdus:/var/lib/liberdus:\S*/nologin$`)
	for _, role := range []string{"archiver", "consensor"} {
		doc := map[string]string{"archiver": "start-archiver.md", "consensor": "start-node.md"}[role]
		text, err := os.ReadFile(filepath.Join("../docs", doc))
		if err != nil {
			t.Fatal(err)
		}
		line := regexp.MustCompile(`(?m)^sudo .*systemd-sysusers.*$`).FindString(string(text))
		root := t.TempDir() // in place of the machine
		command := strings.NewReplacer("sudo ", "", " /etc/", " "+root+"/etc/", "systemd-sysusers ", "systemd-sysusers --root="+root+" ").Replace(line)
		run(t, "..", "sh", "-ec", command)
		users, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
		if err != nil {
			t.Fatalf("%s: %q made no user: %v", doc, line, err)
		}
		if !made.Match(users) {
			t.Errorf("%s: the users are %q, want %v", doc, users, made)
		}
		unit, err := os.ReadFile(filepath.Join("systemd", "liberdus-"+role+".service"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(unit), "\nUser=liberdus\nGroup=liberdus\n") {
			t.Errorf("the unit of the %s names another user", role)
		}
	}
}

// A service of the compose file, as far as we look at it.
type service struct {
	Image    string
	ReadOnly bool     `yaml:"read_only"`
	CapDrop  []string `yaml:"cap_drop"`
	Command  []string
	Ports    []string
	Volumes  []string
	Depends  []string `yaml:"depends_on"`
}

// What the services of the compose file listen on is what it publishes, what they
// ask for exists, and each keeps its data in a volume of its own.
func TestCompose(t *testing.T) {
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]service
		Volumes  map[string]any
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Services) != 4 {
		t.Errorf("%d services, want an archiver and three nodes", len(file.Services))
	}
	asked := regexp.MustCompile(`^http://([a-z0-9]+):(\d+)$`)
	for name, s := range file.Services {
		if s.Image != "liberdus" || !s.ReadOnly || len(s.CapDrop) != 1 || s.CapDrop[0] != "ALL" {
			t.Errorf("%s: image %q, read_only %v, cap_drop %v", name, s.Image, s.ReadOnly, s.CapDrop)
		}
		flags := map[string]string{}
		for i := 1; i+1 < len(s.Command); i += 2 {
			flags[s.Command[i]] = s.Command[i+1]
		}
		port := strings.TrimPrefix(flags["--listen"], ":")
		if flags["--data"] != "/data" || len(s.Volumes) != 1 || s.Volumes[0] != name+":/data" {
			t.Errorf("%s: --data %q in the volumes %v", name, flags["--data"], s.Volumes)
		}
		if _, ok := file.Volumes[name]; !ok {
			t.Errorf("there is no volume %s", name)
		}
		want := port + ":" + port
		if s.Command[0] == "consensor" { // data channels come in by UDP
			want = want + "/tcp " + want + "/udp"
		}
		if strings.Join(s.Ports, " ") != want {
			t.Errorf("%s: ports %v, want %s", name, s.Ports, want)
		}
		for _, flag := range []string{"--archiver", "--node"} {
			m := asked.FindStringSubmatch(flags[flag])
			if m == nil {
				if flags[flag] != "" {
					t.Errorf("%s: %s %s is no service", name, flag, flags[flag])
				}
				continue
			}
			other := strings.Join(file.Services[m[1]].Command, " ")
			if !strings.Contains(other, "listen :"+m[2]) {
				t.Errorf("%s asks %s, which does not listen on %s: %s", name, m[1], m[2], other)
			}
		}
	}
}

// The image runs the program that it builds, as somebody who is not root.
func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	var last []string // stage's instructions
	for line := range strings.Lines(string(text)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "FROM" {
			last = nil
			if image, _, _ := strings.Cut(rest, " "); !strings.Contains(image, ":") || strings.HasSuffix(image, ":latest") {
				t.Errorf("FROM %s is not pinned", rest)
			}
		}
		last = append(last, word+" "+rest)
	}
	for _, want := range []string{
		"FROM gcr.io/distroless/static-debian12:nonroot", "COPY --from=build /out/liberdus /usr/local/bin/liberdus",
		"USER 65532:65532", `VOLUME ["/data"]`, `ENTRYPOINT ["/usr/local/bin/liberdus"]`,
	} {
		if !strings.Contains(strings.Join(last, "\n"), want) {
			t.Errorf("the image has no %q", want)
		}
	}
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(mod))[1]
	if !strings.Contains(string(text), "FROM golang:"+goVersion+".") {
		t.Errorf("the image is not built with Go %s", goVersion)
	}
}
