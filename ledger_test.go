package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/roles"
)

// TestLedgerCommands: what operators type, what they are told and the exit codes.
func TestLedgerCommands(t *testing.T) {
	dir := t.TempDir()
	data, file, copied := filepath.Join(dir, "data"), filepath.Join(dir, "export"), filepath.Join(dir, "copy")
	l, err := ledger.Open(ledger.Config{Dir: filepath.Join(data, "ledger")}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	live := filepath.Join(dir, "live")
	ln, err := net.Listen("unix", filepath.Join(data, roles.ExportSocket)) // as a consensor does
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- l.ServeExports(ctx, ln) }()
	settings := filepath.Join(dir, "settings.toml")
	if err := os.WriteFile(settings, []byte("[consensor]\ndata = \""+copied+"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string // of the document's error, or of standard error for wrong usage
	}{
		{"in use", []string{"verify", "--data", data}, 1, "is in use"},
		{"export of one in use", []string{"export", "--data", data, live}, 0, ""},
		{"import that", []string{"import", "--data", live + "2", live}, 0, ""},
		{"verify that", []string{"verify", "--data", live + "2"}, 0, ""},
		{"", nil, 0, ""}, // it hands out no more
		{"export of one in use by another", []string{"export", "--data", data, file}, 1, "hands out no exports"},
		{"", nil, 0, ""}, // it is closed
		{"verify", []string{"verify", "--data", data}, 0, ""},
		{"no such folder", []string{"verify", "--data", copied}, 1, "no such file"},
		{"an argument too many", []string{"verify", "--data", data, "x"}, 2, "usage: liberdus ledger verify"},
		{"no file", []string{"export", "--data", data}, 2, "usage: liberdus ledger export"},
		{"export", []string{"export", "--data", data, file}, 0, ""},
		{"export onto a file", []string{"export", "--data", data, file}, 1, "file exists"},
		{"import of no file", []string{"import", "--data", copied, file + "x"}, 2, "no such file"},
		{"import of something else", []string{"import", "--data", copied, "ledger_test.go"}, 2, "not a whole export"},
		{"import", []string{"import", "--data", copied, file}, 0, ""},
		{"verify by the environment", []string{"env", "verify"}, 0, ""},
		{"verify by a file", []string{"verify", "--config", settings}, 0, ""},
		{"verify by a file that is not there", []string{"verify", "--config", settings + "x"}, 2, "no such file"},
		{"import once more", []string{"import", "--data", copied, file}, 1, "is not empty"},
		{"verify the copy", []string{"verify", "--data", copied}, 0, ""},
	} {
		if tt.args == nil && ctx.Err() == nil {
			cancel()
			if err := <-served; err != nil {
				t.Fatal(err)
			}
			continue
		}
		if tt.args == nil {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if tt.args[0] == "env" {
			tt.args = tt.args[1:]
			t.Setenv("LIBERDUS_DATA", copied)
		} else {
			os.Unsetenv("LIBERDUS_DATA")
		}
		out, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
		if err != nil {
			t.Fatal(err)
		}
		saved := os.Stdout
		os.Stdout = out
		code, said := runCommand(t, append([]string{"ledger"}, tt.args...)...)
		os.Stdout = saved
		out.Close()
		text, err := os.ReadFile(out.Name())
		if err != nil {
			t.Fatal(err)
		}
		var doc struct{ Error string }
		if code != 2 {
			if err := json.Unmarshal(text, &doc); err != nil {
				t.Errorf("%s: stdout %q: %v", tt.name, text, err)
			}
			said = doc.Error
		} else if len(text) > 0 {
			t.Errorf("%s: stdout %q, want nothing", tt.name, text)
		}
		if code != tt.code || !strings.Contains(said, tt.want) || (tt.code == 0) != (said == "") {
			t.Errorf("%s: exit code %d, %q, want %d, %q", tt.name, code, said, tt.code, tt.want)
		}
		if _, err := os.Stat(copied); tt.args[0] == "import" && tt.code == 2 && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: something was left in %s (%v)", tt.name, copied, err)
		}
	}
}
