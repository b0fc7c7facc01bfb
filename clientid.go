package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/roles/client"
)

const hexDigits = "0123456789abcdef"

// explainNone adds to the news that there is no account what an id is, if the one
// that was asked for is none.
func explainNone(err error, id string) error {
	if !errors.Is(err, client.ErrNoAccount) || nodelist.IsKey(id) {
		return err
	}
	return fmt.Errorf("%w: %.80q is no address, which has 64 lower-case hex digits and no 0x%s", err, id, meant(id))
}

// meant says what id may stand for, "" if nobody knows.
func meant(id string) string {
	digits, prefixed := strings.CutPrefix(strings.ToLower(id), "0x")
	isHex := strings.Trim(digits, hexDigits) == ""
	switch {
	case isHex && len(digits) == 64:
		return "; try " + digits
	case isHex && len(digits) == 40: // as Ethereum writes it
		return "; try " + digits + strings.Repeat("0", 24)
	case !prefixed && id != "" && len(id) <= 20 && strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyz") == "":
		return "; if it is an alias, liberdus client call GET address/" + signing.Hash([]byte(id)) + " says whose"
	}
	return ""
}
