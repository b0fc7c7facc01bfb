package roles_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/roles"
)

// All that may be open at once fits into the files that may be, and what does
// not fit is said.
func TestFitFiles(t *testing.T) {
	for _, tt := range []struct {
		name        string
		files, want int // ids at once that the operator wants
		peers       int // that he gets; -1: none, the archiver does not start
		said        bool
	}{
		{"plenty", 100_000, 5000, 5000, false},
		{"just enough", 64 + 5000 + 2048 + 4096 + 1024, 5000, 5000, false},
		{"one too few", 64 + 5000 + 2048 + 4096 + 1024 - 1, 5000, 5000, true},
		{"nearly all for peers", 20_000, 19_000, 19_000, true},
		{"more peers than files", 20_000, 50_000, 19_424, true},
		{"a usual hard limit", 1024, 5000, 720, true},
		{"few", 200, 5000, 102, true},
		{"the fewest", 128, 5000, 48, true},
		{"fewer", 127, 5000, -1, true},
		{"few, and fewer wanted", 1024, 10, 10, true},
		{"nobody wanted", 1024, 0, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var text bytes.Buffer
			got, err := roles.FitFiles(tt.files, tt.want, slog.New(slog.NewTextHandler(&text, nil)))
			if tt.peers < 0 {
				if err == nil || !strings.Contains(err.Error(), "ulimit -n") {
					t.Fatalf("error %v, want one with the remedy", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sum := 64
			for _, n := range got {
				sum += n
			}
			if got[0] != tt.peers || sum > tt.files {
				t.Errorf("%v (ids, without id, connections, nodes' connections), want %d ids and at most %d in all", got, tt.peers, tt.files-64)
			}
			if tt.peers > 0 && (got[1] < 4 || got[2] < 4 || got[3] < 4) {
				t.Errorf("%v leave no way in", got)
			}
			if said := strings.Contains(text.String(), "LimitNOFILE="); said != tt.said {
				t.Errorf("said: %v, want %v: %s", said, tt.said, &text)
			}
		})
	}
}

// A node's connections leave its ledger the files that it needs.
func TestFitNode(t *testing.T) {
	for _, tt := range []struct {
		name       string
		files, tcp int
		http       int // connections that may be open; -1: the node does not start
		overTCP    int
		said       bool
	}{
		{"plenty", 100_000, 4096, 1024, 4096, false},
		{"just enough", 1064 + 1024, 0, 1024, 0, false},
		{"far too few", 2000, 0, 1000, 0, true},
		{"just enough with TCP", 1064 + 1024 + 4096, 4096, 1024, 4096, false},
		{"a usual hard limit, with TCP", 4096, 4096, 1024, 1516, true},
		{"half is the ledger's", 1024, 0, 512, 0, true},
		{"half is the ledger's, with TCP", 1024, 4096, 256, 256, true},
		{"the fewest", 128, 0, 64, 0, true},
		{"fewer", 127, 0, -1, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var text bytes.Buffer
			http, tcp, err := roles.FitNode(tt.files, tt.tcp, slog.New(slog.NewTextHandler(&text, nil)))
			if tt.http < 0 {
				if err == nil || !strings.Contains(err.Error(), "ulimit -n") {
					t.Fatalf("error %v, want one with the remedy", err)
				}
				return
			}
			if err != nil || http != tt.http || tcp != tt.overTCP {
				t.Errorf("FitNode = %d, %d, %v, want %d, %d", http, tcp, err, tt.http, tt.overTCP)
			}
			if said := strings.Contains(text.String(), "LimitNOFILE="); said != tt.said {
				t.Errorf("said %q", text.String())
			}
		})
	}
}
