package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/roles/client"
)

// What a command prints that could not do it.
func TestPrintFailures(t *testing.T) {
	id := strings.Repeat("ab", 32)
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"a failure", errors.New("it is\ndown"), `{"error":"it is; down","hop":"node"}`},
		{
			"a transaction that may have been taken", fmt.Errorf("inject: %w", &client.UndecidedError{TxID: id, Err: errors.New("no reply")}),
			`{"error":"inject: no reply; the transaction may have been taken: ask with liberdus client call GET transaction/` + id + `","hop":"node","txId":"` + id + `"}`,
		},
		{"a mistake of the user", &roles.UsageError{Err: errors.New("no such flag")}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := print(&out, nil, tt.err); !errors.Is(err, tt.err) {
				t.Errorf("error = %v, want %v", err, tt.err)
			}
			if got := strings.TrimSpace(out.String()); got != tt.want {
				t.Errorf("printed %s, want %s", got, tt.want)
			}
		})
	}
}
