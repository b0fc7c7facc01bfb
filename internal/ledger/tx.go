package ledger

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"strings"

	"github.com/liberdus/liberdus/internal/signing"
)

// A transaction has passed every check that needs no state. It is the
// program's own: nothing in it is shared with the object it came from.
type transaction interface {
	// precheck returns why the state refuses the transaction at once, or "".
	precheck(*state) (reason string)
	// apply changes the state and returns the receipt. What it finds wrong goes
	// into the receipt and leaves the accounts alone, but for the fee.
	apply(*state) signing.Object
}

// A keeper is a transaction whose text a chat keeps.
type keeper interface {
	// keep takes the text, or says what is wrong with it.
	keep(*signing.Tx) (reason string)
}

// A kind is a transaction type.
type kind struct {
	parse        func(members, head) (t transaction, reason string)
	signer       string // the member that names who has to sign
	free         string // the member that may name an account nobody has yet, if there is one
	badSignature string // reason for a signature that does not fit
}

func kindOf(name string) (k kind, ok bool) {
	k = kind{signer: "from", badSignature: "incorrect signing"}
	switch name {
	case "register":
		k.parse, k.badSignature = parseRegister, "tx signature is incorrect"
	case "create":
		k.parse = parseCreate
	case "transfer":
		k.parse = parseTransfer
	case "message":
		k.parse = parseMessage
	case "toll":
		k.parse = parseToll
	case "read":
		k.parse = parseRead
	case "reclaim_toll":
		k.parse = parseReclaim
	case "update_toll_required":
		k.parse = parseRequire
	case "deposit_stake":
		k.parse, k.signer, k.free = parseDeposit, "nominator", "nominee"
	case "withdraw_stake":
		k.parse, k.signer = parseWithdraw, "nominator"
	}
	return k, k.parse != nil
}

// A head is what all transactions have in common.
type head struct {
	id, kind, from string
	timestamp      int64 // ms; only good within the window
}

// check does all that needs neither state nor clock, in the order of the
// Liberdus server.
func (l *Ledger) check(id string, signed *signing.Tx) (t transaction, reason string) {
	tx := signed.Object
	name, ok := tx["type"].(string)
	if !ok {
		return nil, `Tx "type" field must be a string.`
	}
	k, ok := kindOf(name)
	if !ok {
		return nil, clip(fmt.Sprintf("The tx type %s does not exist in the network.", name))
	}
	if tx["networkId"] != l.networkID {
		return nil, clip(fmt.Sprintf("Invalid network id for tx %s with id %s", name, display(tx, "id")))
	}
	m := members(tx)
	h := head{id: id, kind: name}
	if h.timestamp, reason = m.timestamp(); reason != "" {
		return nil, reason
	}
	h.from, _ = tx[k.signer].(string)
	if t, reason = k.parse(m, h); reason != "" {
		return nil, reason
	}
	if kept, ok := t.(keeper); ok {
		if reason = kept.keep(signed); reason != "" {
			return nil, reason
		}
	}
	if reason = m.signedBy(k.signer, h.from); reason != "" {
		return nil, reason
	}
	if _, err := signed.Verify(); err != nil {
		return nil, k.badSignature
	}
	if id, _ := tx[k.free].(string); !hexadecimal(id) {
		return nil, "Invalid Shardus Addresses"
	}
	return t, ""
}

// Members are those of a transaction as it came. The methods return the reason
// to refuse it, which names the member, or "".
type members signing.Object

func (m members) timestamp() (ms int64, reason string) {
	v := m["timestamp"]
	if v == nil || v == 0.0 {
		return 0, "Invalid transaction timestamp"
	}
	ts, ok := number(v)
	if !ok || math.IsNaN(ts) || math.IsInf(ts, 0) || ts < 1 {
		return 0, `Tx "timestamp" field must be a valid number.`
	}
	return int64(min(math.Floor(ts), 1<<53)), ""
}

// address demands what the server calls a valid address: 64 characters, none of
// them upper case.
func (m members) address(name string) (id, reason string) {
	s, ok := m[name].(string)
	if !ok || len(s) != 64 || s != strings.ToLower(s) {
		return "", fmt.Sprintf(`tx "%s" is not a valid address.`, name)
	}
	return s, ""
}

// amount demands a positive number of wei that fits into 256 bits.
func (m members) amount(name string) (wei *big.Int, reason string) {
	wei, ok := m[name].(*big.Int)
	switch {
	case !ok || wei == nil || wei.Sign() <= 0:
		return nil, fmt.Sprintf(`tx "%s" field must be a bigint and greater than 0.`, name)
	case wei.BitLen() > maxBits:
		return nil, fmt.Sprintf(`tx "%s" field must be less than 2^%d.`, name, maxBits)
	}
	return new(big.Int).Set(wei), ""
}

// flag demands a boolean, which may be missing; must says so in the reason.
func (m members) flag(name, must string) (on bool, reason string) {
	v, found := m[name]
	if on, ok := v.(bool); ok || !found {
		return on, ""
	}
	return false, fmt.Sprintf(`tx "%s" field must be a %s.`, name, must)
}

// signedBy demands that the member sign has an owner that is also the member signer.
func (m members) signedBy(signer, owner string) (reason string) {
	sign, _ := m["sign"].(signing.Object)
	if sig := sign["sig"]; sign["owner"] != owner || sig == nil || sig == "" {
		return fmt.Sprintf("not signed by %s account", signer)
	}
	if _, ok := sign["sig"].(string); !ok {
		return "Signature must be a valid signature represented as a hex string."
	}
	return ""
}

// ed25519 reports whether the signature has the form of a node's.
func (m members) ed25519() bool {
	sign, _ := m["sign"].(signing.Object)
	sig, _ := sign["sig"].(string)
	return !strings.HasPrefix(sig, "0x")
}

// vouched returns the transaction with nothing in sign but owner and sig. A
// signature covers no member of sign, so whoever passes a transaction on can add
// some: they change no id, and a chat would keep them as if they were the sender's.
func vouched(tx signing.Object) signing.Object {
	sign, _ := tx["sign"].(signing.Object)
	more := func(name string, _ any) bool { return name != "owner" && name != "sig" }
	for name := range sign {
		if more(name, nil) {
			tx, sign = maps.Clone(tx), maps.Clone(sign) // the caller's stay as they are
			maps.DeleteFunc(sign, more)
			tx["sign"] = sign
			break
		}
	}
	return tx
}

// hexadecimal reports whether an address is all lower-case hex digits.
func hexadecimal(address string) bool { return strings.Trim(address, "0123456789abcdef") == "" }

// display writes a member as a JavaScript template would.
func display(tx signing.Object, name string) string {
	v, found := tx[name]
	if !found {
		return "undefined"
	}
	if s, ok := v.(string); ok {
		return s
	}
	text, err := signing.Canonical(v)
	if err != nil {
		return "[object Object]"
	}
	return string(text)
}

// clip bounds a reason that repeats a stranger's text, and makes it UTF-8.
func clip(reason string) string {
	const limit = 256
	if len(reason) > limit {
		reason = reason[:limit]
	}
	return strings.ToValidUTF8(reason, "\uFFFD")
}
