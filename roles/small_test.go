package roles_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/signaling"
)

func TestParseLIB(t *testing.T) {
	for _, tt := range []struct {
		text, wei string // wei "" = refused
	}{
		{"1", "1000000000000000000"},
		{"0.5", "500000000000000000"},
		{".5", "500000000000000000"},
		{"12.", "12000000000000000000"},
		{"0.000000000000000001", "1"},
		{"007", "7000000000000000000"},
		{"0", "0"},
		{"0.0000000000000000001", ""},
		{"", ""},
		{".", ""},
		{"-1", ""},
		{"+1", ""},
		{"1e3", ""},
		{"1,5", ""},
		{"1.2.3", ""},
		{strings.Repeat("9", 41), ""},
	} {
		got, err := roles.ParseLIB(tt.text)
		switch {
		case tt.wei == "" && err == nil:
			t.Errorf("ParseLIB(%q) = %v, want an error", tt.text, got)
		case tt.wei != "" && (err != nil || got.String() != tt.wei):
			t.Errorf("ParseLIB(%q) = %v, %v, want %s", tt.text, got, err, tt.wei)
		}
	}
}

func TestFormatLIBIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wei := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 15).Draw(t, "wei"))
		got, err := roles.ParseLIB(roles.FormatLIB(wei))
		if err != nil || got.Cmp(wei) != 0 {
			t.Fatalf("%v is written %q and read %v, %v", wei, roles.FormatLIB(wei), got, err)
		}
	})
}

func TestOrderValidate(t *testing.T) {
	to := strings.Repeat("a", 64)
	for _, tt := range []struct {
		name  string
		order roles.Order
		says  []string // none: valid
	}{
		{name: "register", order: roles.Order{Kind: "register", Alias: "alice1"}},
		{name: "create", order: roles.Order{Kind: "create", Amount: "3"}},
		{name: "transfer", order: roles.Order{Kind: "transfer", To: to, Amount: "0.1", Fee: "1"}},
		{name: "no name", order: roles.Order{Kind: "register"}, says: []string{"--alias"}},
		{name: "an upper-case name", order: roles.Order{Kind: "register", Alias: "Alice"}, says: []string{"--alias"}},
		{name: "a long name", order: roles.Order{Kind: "register", Alias: strings.Repeat("a", 21)}, says: []string{"--alias"}},
		{name: "no amount", order: roles.Order{Kind: "create"}, says: []string{"--amount"}},
		{name: "nothing", order: roles.Order{Kind: "create", Amount: "0.00"}, says: []string{"--amount"}},
		{name: "everything wrong", order: roles.Order{Kind: "transfer", To: "bob", Amount: "x", Fee: "y"}, says: []string{"--to", "--amount", "--fee"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.order.Validate()
			if (err == nil) != (len(tt.says) == 0) {
				t.Fatalf("Validate = %v, want mistakes %v", err, tt.says)
			}
			for _, part := range tt.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("Validate = %v, want it to name %s", err, part)
				}
			}
		})
	}
}

// A verifier takes exactly what a signer makes.
func TestIdentityMembers(t *testing.T) {
	key, err := signing.NewNodeKey()
	if err != nil {
		t.Fatal(err)
	}
	good := func() signing.Object {
		return signing.Object{
			"peerId": key.Public(), "connectionId": "c", "networkId": "n", "fingerprint": "f", "remoteFingerprint": "r",
			"timestamp": 5, "purpose": "liberdus-identity",
		}
	}
	for _, tt := range []struct {
		name   string
		change func(signing.Object)
		after  func(signing.Object) // once it is signed
		ok     bool
	}{
		{name: "as it is made", ok: true},
		{name: "for another purpose", change: func(o signing.Object) { o["purpose"] = "liberdus-join" }},
		{name: "without a purpose", change: func(o signing.Object) { delete(o, "purpose") }},
		{name: "with another member", change: func(o signing.Object) { o["list"] = "active" }},
		{name: "with a number for a peer id", change: func(o signing.Object) { o["peerId"] = 7 }},
		{name: "with half a millisecond", change: func(o signing.Object) { o["timestamp"] = 5.5 }},
		{name: "with a text for a time", change: func(o signing.Object) { o["timestamp"] = "5" }},
		{name: "changed afterwards", after: func(o signing.Object) { o["networkId"] = "m" }},
		{name: "unsigned", after: func(o signing.Object) { delete(o, "sign") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := good()
			if tt.change != nil {
				tt.change(o)
			}
			signed, err := key.Sign(o)
			if err != nil {
				t.Fatal(err)
			}
			if tt.after != nil {
				tt.after(signed)
			}
			c, owner, err := roles.NewVerifier().VerifyIdentity(signing.MustCanonical(signed))
			if (err == nil) != tt.ok {
				t.Fatalf("VerifyIdentity = %v, want ok %v", err, tt.ok)
			}
			if tt.ok && (owner != key.Public() || c.ConnectionID != "c" || c.Timestamp != 5) {
				t.Errorf("VerifyIdentity = %+v by %s", c, owner)
			}
		})
	}
}

// After a restart within the same second the first token is refused; within a
// few attempts one must expire later than the old connection's.
func TestNextLead(t *testing.T) {
	refused := &signaling.ServerError{Type: signaling.TypeError, Msg: "Invalid token provided"}
	lead, largest := time.Duration(0), time.Duration(0)
	for range 3 {
		lead = roles.NextLead(lead, refused)
		largest = max(largest, lead)
		if lead < 0 || lead > time.Minute {
			t.Errorf("lead = %v, which no archiver takes", lead)
		}
	}
	if largest < 30*time.Second {
		t.Errorf("the largest lead of three attempts is %v", largest)
	}
	if got := roles.NextLead(lead, errors.New("down")); got != 0 {
		t.Errorf("lead after another failure = %v, want 0", got)
	}
}

// Tokens expire one later than the other, within what an archiver takes, also
// when the archiver's clock is set back.
// When an archiver comes back, its nodes do not all arrive at once, nor late.
func TestNodesReturnSpreadOut(t *testing.T) {
	const nodes, instant = 2000, 100 * time.Millisecond
	for _, down := range []time.Duration{0, time.Second, 10 * time.Second, 5 * time.Minute} {
		t.Run(down.String(), func(t *testing.T) {
			arrivals := map[time.Duration]int{}
			for range nodes {
				wait := roles.Waits()
				at := wait()
				for at < down {
					at += wait()
				}
				if late := at - down; late > 5*time.Second {
					t.Fatalf("a node arrives %v after the archiver", late)
				}
				arrivals[at/instant]++
			}
			for at, n := range arrivals {
				if n > nodes*15/100 {
					t.Errorf("%d of %d nodes arrive within %v of %v", n, nodes, instant, at*instant)
				}
			}
		})
	}
}

func TestTokensFollowTheArchiversClock(t *testing.T) {
	key, err := signing.NewNodeKey()
	if err != nil {
		t.Fatal(err)
	}
	expires := roles.Tokens(key)
	var last time.Duration
	for i := range 20 {
		got := expires(time.Hour)
		if got > 2*time.Minute || got < 30*time.Second {
			t.Fatalf("token %d expires %v ahead, want 30s to 2m", i, got)
		}
		if got <= last {
			t.Errorf("token %d expires %v ahead, not after the one before, %v", i, got, last)
		}
		last = got
	}
	if got := expires(0); got > 2*time.Minute {
		t.Errorf("after the clock was set back a token expires %v ahead, want up to 2m", got)
	}
}
