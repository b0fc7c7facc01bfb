package ledger

import (
	"strings"

	"github.com/liberdus/liberdus/internal/signing"
)

const (
	maxAlias       = 20     // characters
	maxPQPublicKey = 80_000 // bytes, before base64
)

// A register transaction gives a user a name and publishes the keys others need
// to write to the user. It is free; a user that is not there yet is made.
type register struct {
	head
	alias, aliasHash       string
	publicKey, pqPublicKey string
	private                bool
}

func parseRegister(m members, h head) (_ transaction, reason string) {
	t := &register{head: h}
	if t.aliasHash, reason = m.address("aliasHash"); reason != "" {
		return nil, reason
	}
	if t.from, reason = m.address("from"); reason != "" {
		return nil, reason
	}
	if t.alias, reason = m.alias(t.aliasHash); reason != "" {
		return nil, reason
	}
	if t.publicKey, reason = m.publicKey(); reason != "" {
		return nil, reason
	}
	if t.pqPublicKey, reason = m.pqPublicKey(); reason != "" {
		return nil, reason
	}
	t.private, reason = m.flag("private", "boolean or undefined")
	return t, reason
}

func (m members) alias(hash string) (alias, reason string) {
	alias, ok := m["alias"].(string)
	switch {
	case !ok:
		return "", `tx "alias" field must be a string.`
	case utf16Len(alias) > maxAlias:
		return "", `tx "alias" field must be less than 21 characters (20 max)`
	case strings.ContainsFunc(alias, notAlphanumeric):
		return "", `tx "alias" field may only contain alphanumeric characters`
	case signing.Hash([]byte(alias)) != hash:
		return "", "alias hash does not match alias"
	}
	return alias, ""
}

func notAlphanumeric(r rune) bool {
	return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// publicKey demands an uncompressed secp256k1 key. A user with an Ed25519 key,
// as wallets had before Ethereum addresses, has it for an address too.
func (m members) publicKey() (key, reason string) {
	key, _ = m["publicKey"].(string)
	uncompressed := strings.HasPrefix(key, "04") && isHex(strings.ToLower(key), 130)
	if !uncompressed && (!m.ed25519() || key == "" || key != m["from"]) {
		return "", "Invalid public key"
	}
	return key, ""
}

// pqPublicKey is an ML-KEM key in base64, or missing.
func (m members) pqPublicKey() (key, reason string) {
	v := m["pqPublicKey"]
	if v == nil || v == "" {
		return "", ""
	}
	key, ok := v.(string)
	if !ok || len(key)*3/4 > maxPQPublicKey || strings.ContainsFunc(key, notBase64) {
		return "", "Invalid post-quantum public key"
	}
	return key, ""
}

func notBase64(r rune) bool { return notAlphanumeric(r) && !strings.ContainsRune("+/-_=", r) }

// utf16Len is the length of s in JavaScript.
func utf16Len(s string) (n int) {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 0xf0:
			n += 2
		case c < 0x80 || c >= 0xc0:
			n++
		}
	}
	return n
}

// A Liberdus node does not look at the state before it queues a register.
func (t *register) precheck(*state) string { return "" }

func (t *register) apply(s *state) signing.Object {
	u, name, reason := t.accounts(s)
	if reason != "" {
		return t.failed(t.aliasHash, reason)
	}
	name.inbox, name.address, name.timestamp = t.alias, t.from, t.timestamp
	u.alias, u.publicKey, u.private, u.timestamp = &t.alias, t.publicKey, t.private, t.timestamp
	if t.pqPublicKey != "" {
		u.pqPublicKey = t.pqPublicKey
	}
	s.save(t.from, u)
	s.save(t.aliasHash, name)
	return t.done(t.aliasHash)
}

// accounts finds or makes the two accounts, or says why they cannot be used.
func (t *register) accounts(s *state) (u *user, name *alias, reason string) {
	u, ok := s.account(t.from).(*user)
	if !ok {
		if s.account(t.from) != nil {
			return nil, nil, "from account is not a UserAccount"
		}
		u = newUser(t.from, t.timestamp, s.rules)
	}
	name, ok = s.account(t.aliasHash).(*alias)
	if !ok {
		if s.account(t.aliasHash) != nil {
			return nil, nil, "aliasHash account is not an AliasAccount"
		}
		name = &alias{id: t.aliasHash}
	}
	switch {
	case u.alias != nil:
		reason = "User has already registered an alias"
	case name.inbox == t.alias:
		reason = "This alias is already taken"
	case name.address != "":
		reason = "This alias is already taken by another user"
	}
	return u, name, reason
}
