package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/roles/client"
)

// What is wrong with a command line is said, on stderr alone.
func TestWrongCommandLines(t *testing.T) {
	for _, tt := range []struct{ name, line, want string }{
		{"a flag for a value", "client tx transfer --to --amount 1", "--to has no value: --amount after it is a flag, too"},
		{"one argument too many", "client tx transfer --amount 1 2", `unexpected argument "2" (usage: liberdus client tx transfer)`},
		{"another id", "client account a b", `unexpected argument "b" (usage: liberdus client account ID)`},
		{"no id", "client account", "an argument is missing (usage: liberdus client account ID)"},
		{"no path", "client call GET", "an argument is missing (usage: liberdus client call METHOD URL [BODY])"},
		{"no command", "", "no command given"},
		{"no command of client", "client", "no command given"},
		{"no command of tx", "client tx", "no command given"},
		{"no command of ledger", "ledger", "no command given"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := app()
			var out, errs bytes.Buffer
			a.Writer, a.ErrWriter = &out, &errs
			err := a.RunContext(context.Background(), interleave(a, append([]string{"liberdus"}, strings.Fields(tt.line)...)))
			if _, usage := errors.AsType[*roles.UsageError](err); !usage || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want the usage error %q", err, tt.want)
			}
			if out.Len() > 0 {
				t.Errorf("on stdout is %q, want nothing", &out)
			}
			if help := strings.Contains(errs.String(), "COMMANDS:"); help != (tt.want == "no command given") {
				t.Errorf("help on stderr: %v: %q", help, &errs)
			}
		})
	}
}

// Where there is no account because the id is none, it is said what one is.
func TestExplainNone(t *testing.T) {
	const digits = "ABCDEF0123456789abcdef0123456789abcdef01"
	id := strings.ToLower(digits) + strings.Repeat("0", 24)
	for _, tt := range []struct{ name, id, want string }{
		{"an id", id, client.ErrNoAccount.Error()},
		{"with 0x", "0x" + id, "64 lower-case hex digits and no 0x; try " + id},
		{"in capitals", strings.ToUpper(id), "try " + id},
		{"as Ethereum writes it", "0x" + digits, "try " + id},
		{"an alias", "alice", "liberdus client call GET address/" + signing.Hash([]byte("alice"))},
		{"anything", "x y", `"x y" is no address, which has 64 lower-case hex digits and no 0x`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := explainNone(fmt.Errorf("asked: %w", client.ErrNoAccount), tt.id)
			if !errors.Is(err, client.ErrNoAccount) || !strings.HasSuffix(err.Error(), tt.want) && !strings.Contains(err.Error(), tt.want+" says whose") {
				t.Errorf("= %v, want %q", err, tt.want)
			}
		})
	}
	if other := errors.New("down"); explainNone(other, "x") != other || explainNone(nil, "x") != nil {
		t.Error("what is not about the account is explained")
	}
}
