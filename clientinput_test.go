package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is read and is no transaction, and what is said of it.
func TestParseTxRefuses(t *testing.T) {
	for _, tt := range []struct{ name, path, data, want string }{
		{"an empty pipe", "-", "", "nothing came on stdin: the command before has failed, or printed no transaction"},
		{"a line's end alone", "-", "\n", "nothing came on stdin: the command before has failed, or printed no transaction"},
		{"an empty file", "tx.json", "", "tx.json is not a transaction: it is empty"},
		{"the failure of the command before", "-", `{"error":"no archiver","hop":"archiver"}`, "stdin is not a transaction; the command before failed: no archiver"},
		{"no type", "-", "{}", "stdin is not a transaction: it has no type"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tx, err := parseTx([]byte(tt.data), tt.path, ""); err == nil || err.Error() != tt.want {
				t.Errorf("= %v, %v, want the error %q", tx, err, tt.want)
			}
		})
	}
}

// Who is asked to type a transaction can give up.
func TestReadInputGivesUp(t *testing.T) {
	typed, keys := io.Pipe()
	defer keys.Close() // ends the read
	ctx, cancel := context.WithCancelCause(t.Context())
	pressed := errors.New("interrupt signal received")
	cancel(pressed)
	if _, err := readInput(ctx, "-", typed); !errors.Is(err, pressed) || !strings.Contains(err.Error(), "read stdin: given up") {
		t.Errorf("error = %v, want that reading stdin was given up, and why", err)
	}
}

func TestReadInput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tx.json")
	if err := os.WriteFile(path, []byte("of the file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, path, stdin, want, fails string }{
		{"stdin", "-", "of stdin", "of stdin", ""},
		{"a file", path, "of stdin", "of the file", ""},
		{"no file", path + "x", "", "", "tx.jsonx"},
		{"too much", "-", strings.Repeat("x", maxTx+1), "", "stdin: over 1048576 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readInput(t.Context(), tt.path, strings.NewReader(tt.stdin))
			if (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
				t.Fatalf("error = %v, want %q", err, tt.fails)
			}
			if string(got) != tt.want {
				t.Errorf("read %q, want %q", got, tt.want)
			}
		})
	}
}
