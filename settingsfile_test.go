package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is read again is a whole file, or nothing.
func TestSettingsFile(t *testing.T) {
	const good = "[archiver]\nallow_node = []\n"
	for _, tt := range []struct {
		name, first, now, meanwhile string
		want                        string // part of the error; "": none
	}{
		{"another one", good, "[archiver]\n", "", ""},
		{"emptied", good, "", "", "no table [archiver]"},
		{"of another role", good, "[consensor]\n", "", "no table [archiver]"},
		{"that never had the table", "", "[consensor]\n", "", ""},
		{"that gets it", "", good, "", ""},
		{"being written", good, "[archiver]\n", good, "is being written"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.toml")
			put := func(text string) {
				t.Helper()
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			put(tt.first)
			f := newSettingsFile(path, "archiver")
			put(tt.now)
			err := f.whole(func() error {
				if tt.meanwhile != "" {
					put(tt.meanwhile)
				}
				return nil
			})
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("= %v, want %q", err, tt.want)
			}
		})
	}
}
