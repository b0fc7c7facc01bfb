package signing_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/signing"
)

func TestKeyFromSecretRefuses(t *testing.T) {
	full := secretA + publicA
	for _, tt := range []struct{ name, secret, want string }{
		{"empty", "", "128 hex digits"},
		{"short", secretA[2:], "128 hex digits"},
		{"not hex", strings.Repeat("g", 64), "128 hex digits"},
		{"halves of two keys", secretA + strings.Repeat("0", 64), "do not belong together"},
		{"long", full + "00", "128 hex digits"},
	} {
		if _, err := signing.NodeKeyFromSecret(tt.secret); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: NodeKeyFromSecret = %v, want an error with %q", tt.name, err, tt.want)
		}
	}
	for _, tt := range []struct{ name, secret, want string }{
		{"empty", "", "64 hex digits"},
		{"long", full, "64 hex digits"},
		{"not hex", strings.Repeat("g", 64), "64 hex digits"},
		{"zero", strings.Repeat("0", 64), "between 1 and the order"},
		{"the order", curveOrder, "between 1 and the order"},
	} {
		if _, err := signing.UserKeyFromSecret(tt.secret); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: UserKeyFromSecret = %v, want an error with %q", tt.name, err, tt.want)
		}
	}
	if k, err := signing.UserKeyFromSecret("0x" + secretU1); err != nil || k.Address() != userKey1(t).Address() {
		t.Errorf("UserKeyFromSecret with 0x = %v, %v", k, err)
	}
}

func TestKeysPrintWithoutSecret(t *testing.T) {
	node, user := nodeKeyA(t), userKey1(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		for _, got := range []string{
			fmt.Sprintf(verb, node), fmt.Sprintf(verb, *node),
			fmt.Sprintf(verb, []any{*user}), fmt.Sprintf(verb, user),
		} {
			if want := node.Public(); !strings.Contains(got, want) && !strings.Contains(got, user.PublicKey()) {
				t.Errorf("%s = %s", verb, got)
			}
			if hidden := hex.EncodeToString(make([]byte, 16)); strings.Contains(got, hidden) {
				t.Errorf("%s shows the secret: %s", verb, got)
			}
		}
	}
}
