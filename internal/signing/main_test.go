package signing_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/liberdus/liberdus/internal/signing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Secrets of the keys A and U1 of testdata/crypto-vectors.json.
const (
	secretA  = "0000000000000000000000000000000000000000000000000000000000000001"
	secretU1 = secretA
	publicA  = "4cb5abf6ad79fbf5abbccafcc269d85cd2651ed4b885b5869f241aedf0a5ba29"
)

func nodeKeyA(t testing.TB) *signing.NodeKey {
	t.Helper()
	k, err := signing.NodeKeyFromSecret(secretA)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func userKey1(t testing.TB) *signing.UserKey {
	t.Helper()
	k, err := signing.UserKeyFromSecret(secretU1)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func parseObject(t testing.TB, text string) signing.Object {
	t.Helper()
	o, err := signing.ParseObject([]byte(text))
	if err != nil {
		t.Fatalf("ParseObject(%.200s) = %v", text, err)
	}
	return o
}

func canonical(t testing.TB, v any) string {
	t.Helper()
	text, err := signing.Canonical(v)
	if err != nil {
		t.Fatalf("Canonical(%.200v) = %v", v, err)
	}
	return string(text)
}

// signOf returns the owner and sig of a signed object.
func signOf(t testing.TB, o signing.Object) (owner, sig string) {
	t.Helper()
	sign, ok := o["sign"].(signing.Object)
	if !ok || len(sign) != 2 {
		t.Fatalf("sign = %v, want an object of two", o["sign"])
	}
	return sign["owner"].(string), sign["sig"].(string)
}
