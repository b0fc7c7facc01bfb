package nodelist_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/nodelist"
)

// The token of key A for the archiver 127.0.0.1:4000 of a local Shardus network.
const (
	vectorServer = "758b1c119412298802cd28dbfa394cdfeecc4074492d60844cc192d632d84de3"
	vectorNonce  = "00112233445566778899aabbccddeeff"
	vectorExpiry = 1795000000
	vectorToken  = "v1.1795000000.00112233445566778899aabbccddeeff." +
		"cygKyXPP_4s8LGpz-o-IutyXzrNsSgm8ohRM7Jhh78WQ4yc5UOzi3cL3-FNe9tbK3WoE9Nj2JV00TEpq9VO0AA"
)

func TestTokenVector(t *testing.T) {
	expiry := time.Unix(vectorExpiry, 999) // parts of a second do not count
	if got := nodelist.NewTokenWithNonce(keyOf(1), vectorServer, expiry, vectorNonce); got != vectorToken {
		t.Errorf("token = %s, want %s", got, vectorToken)
	}
	got, err := nodelist.VerifyToken(keyOf(1).Public(), vectorToken, vectorServer, expiry.Add(-time.Minute))
	if err != nil || got.Unix() != vectorExpiry {
		t.Errorf("VerifyToken = %v, %v, want %d, nil", got, err, vectorExpiry)
	}
}

func TestVerifyTokenRefuses(t *testing.T) {
	const sig = "cygKyXPP_4s8LGpz-o-IutyXzrNsSgm8ohRM7Jhh78WQ4yc5UOzi3cL3-FNe9tbK3WoE9Nj2JV00TEpq9VO0AA"
	good := time.Unix(vectorExpiry-60, 0)
	change := func(old, new string) string { return strings.Replace(vectorToken, old, new, 1) }
	for _, tt := range []struct {
		name, id, token, server string
		now                     time.Time
		want                    string
	}{
		{name: "nothing", token: " ", want: "a token is v1"},
		{name: "an opaque secret", token: "k3j4h5k3j4h5", want: "a token is v1"},
		{name: "another version", token: change("v1", "v2"), want: "a token is v1"},
		{name: "a part too many", token: vectorToken + ".x", want: "a token is v1"},
		{name: "many parts", token: strings.Repeat(".", 100_000), want: "a token is v1"},
		{name: "no expiry", token: change("1795000000", ""), want: "unix seconds"},
		{name: "expiry with a leading zero", token: change("1795000000", "01795000000"), want: "unix seconds"},
		{name: "expiry with a sign", token: change("1795000000", "+1795000000"), want: "unix seconds"},
		{name: "expiry beyond all numbers", token: change("1795000000", "99999999999999999999"), want: "unix seconds"},
		{name: "expiry beyond exact numbers", token: change("1795000000", "9007199254740993"), want: "unix seconds"},
		{name: "expiry 0", token: change("1795000000", "0"), want: "unix seconds"},
		{name: "short nonce", token: change("eeff.", "ee."), want: "nonce"},
		{name: "upper-case nonce", token: change("aabbcc", "AABBCC"), want: "nonce"},
		{name: "padded signature", token: vectorToken + "==", want: "base64url"},
		{name: "standard base64", token: change("PP_4", "PP/4"), want: "base64url"},
		{name: "signature with a stray bit", token: vectorToken[:len(vectorToken)-1] + "B", want: "base64url"},
		{name: "signature with line breaks", token: vectorToken[:len(vectorToken)-2] + "\r\n", want: "base64url"},
		{name: "short signature", token: vectorToken[:len(vectorToken)-2], want: "base64url"},
		{name: "another signature", token: change(sig, strings.Repeat("A", 86)), want: "not signed"},
		{name: "another nonce", token: change("0011", "0012"), want: "not signed"},
		{name: "a later expiry", token: change("1795000000", "1795000001"), want: "not signed"},
		{name: "another server", server: strings.Repeat("0", 64), want: "not signed"},
		{name: "another id", id: keyOf(2).Public(), want: "not signed"},
		{name: "an id that is no key", id: "node-1", want: "not a public key"},
		{name: "an id in upper case", id: strings.ToUpper(keyOf(1).Public()), want: "not a public key"},
		{name: "just expired", now: time.Unix(vectorExpiry, 0), want: "has expired"},
		{name: "too early", now: time.Unix(vectorExpiry, -1).Add(-120 * time.Second), want: "more than 2m0s ahead"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id, token, server, now := tt.id, tt.token, tt.server, tt.now
			if id == "" {
				id = keyOf(1).Public()
			}
			if token == "" {
				token = vectorToken
			}
			if server == "" {
				server = vectorServer
			}
			if now.IsZero() {
				now = good
			}
			if _, err := nodelist.VerifyToken(id, token, server, now); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("VerifyToken = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestNewTokensDifferAndAreGoodForTheirArchiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchiver(t, nil)
		expiry := time.Now().Add(120 * time.Second)
		one := nodelist.NewToken(keyOf(1), a.key.Public(), expiry)
		two := nodelist.NewToken(keyOf(1), a.key.Public(), expiry)
		if one == two {
			t.Error("two tokens are the same")
		}
		for _, token := range []string{one, two} {
			if _, err := a.VerifyToken(keyOf(1).Public(), token); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(2 * time.Minute)
		if _, err := a.VerifyToken(keyOf(1).Public(), one); err == nil {
			t.Error("a token is good after it expired")
		}
		if _, err := a.VerifyToken(keyOf(1).Public(), nodelist.NewToken(keyOf(1), "", time.Now().Add(time.Minute))); err == nil {
			t.Error("a token for no server is good for this one")
		}
	})
}

func TestTokenHash(t *testing.T) {
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2
	if got := nodelist.TokenHash("abc"); got != want {
		t.Errorf("TokenHash = %s, want %s", got, want)
	}
}

func FuzzVerifyToken(f *testing.F) {
	f.Add(vectorToken)
	f.Add("v1.1795000000.00112233445566778899aabbccddeeff.AA")
	f.Add("v1...")
	f.Add(strings.ToUpper(vectorToken))
	now := time.Unix(vectorExpiry-60, 0)
	f.Fuzz(func(t *testing.T, token string) {
		expiry, err := nodelist.VerifyToken(keyOf(1).Public(), token, vectorServer, now)
		if (err == nil) != (token == vectorToken) {
			t.Fatalf("VerifyToken(%q) = %v, %v", token, expiry, err)
		}
	})
}
