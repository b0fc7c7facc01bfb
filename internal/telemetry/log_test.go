package telemetry_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/telemetry"
)

func TestLogLevels(t *testing.T) {
	for _, tt := range []struct {
		level string
		want  []string // the messages that come through
	}{
		{"debug", []string{"d", "i", "w", "e"}},
		{"info", []string{"i", "w", "e"}},
		{"warn", []string{"w", "e"}},
		{"error", []string{"e"}},
		{"INFO", []string{"i", "w", "e"}},
	} {
		t.Run(tt.level, func(t *testing.T) {
			var out bytes.Buffer
			log, err := telemetry.NewLogger(&out, tt.level)
			if err != nil {
				t.Fatal(err)
			}
			log.Debug("d")
			log.Info("i")
			log.Warn("w")
			log.Error("e")
			if got := strings.Join(messages(t, &out), ""); got != strings.Join(tt.want, "") {
				t.Errorf("messages = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLogLevelThatIsNone(t *testing.T) {
	for _, level := range []string{"", "loud", "info,debug"} {
		_, err := telemetry.NewLogger(&bytes.Buffer{}, level)
		if err == nil || !strings.Contains(err.Error(), "want debug, info, warn or error") {
			t.Errorf("NewLogger(%q) = %v, want an error that names the levels", level, err)
		}
	}
}

// What others named cannot begin a line of its own.
func TestLogIsOneObjectALine(t *testing.T) {
	var out bytes.Buffer
	log, err := telemetry.NewLogger(&out, "info")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("peer connected", "peer", "a\n{\"level\":\"ERROR\"}\x1b[2J")
	if got := messages(t, &out); len(got) != 1 || got[0] != "peer connected" {
		t.Errorf("messages = %q, want one", got)
	}
}

// messages reads a log of JSON objects, one a line.
func messages(t *testing.T, out *bytes.Buffer) []string {
	t.Helper()
	var list []string
	for line := range strings.Lines(out.String()) {
		var entry struct{ Time, Level, Msg string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Time == "" || entry.Level == "" {
			t.Errorf("line %q = %+v, %v, want an object with time, level and msg", line, entry, err)
		}
		list = append(list, entry.Msg)
	}
	return list
}

func TestIsTerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if telemetry.IsTerminal(file) {
		t.Error("IsTerminal(file) = true, want false")
	}
	if telemetry.IsTerminal(&bytes.Buffer{}) {
		t.Error("IsTerminal(buffer) = true, want false")
	}
}
