package ledger

import (
	"fmt"
	"math/big"

	"github.com/liberdus/liberdus/internal/signing"
)

// A talk is what transactions between two users have in common.
type talk struct {
	head
	to, chatID string
	fee        *big.Int // the most the sender will pay; nil: whatever it is
	text       []byte   // canonical, signed: what the chat keeps
}

func (t *talk) about() *talk { return t }

// maxTalk bounds, in bytes of canonical text, a transaction that a chat keeps
// and that is not a message.
const maxTalk = 16 << 10

func (m members) talk(h head) (t talk, reason string) {
	t = talk{head: h}
	if t.from, reason = m.address("from"); reason != "" {
		return t, reason
	}
	if t.to, reason = m.address("to"); reason != "" {
		return t, reason
	}
	t.chatID, reason = m.chatID(t.from, t.to)
	return t, reason
}

func (m members) chatID(from, to string) (id, reason string) {
	if id, reason = m.address("chatId"); reason != "" {
		return "", reason
	}
	if id != chatID(from, to) {
		return "", "chatId is not calculated correctly for from and to addresses"
	}
	return id, ""
}

// keepUpTo takes what the chat keeps of the transaction, bounded; much names the
// member that may be long.
func (t *talk) keepUpTo(limit int, much string, tx *signing.Tx) (reason string) {
	text, err := tx.Text()
	switch {
	case err != nil: // only in sign: the rest has been hashed
		return "Transaction has no canonical text: " + err.Error()
	case len(text) > limit && much != "":
		return fmt.Sprintf(`tx is larger than %d bytes, "%s" included.`, limit, much)
	case len(text) > limit:
		return fmt.Sprintf(`tx is larger than %d bytes.`, limit)
	case depth(tx.Object) > maxDepth:
		return fmt.Sprintf(`tx is nested deeper than %d levels.`, maxDepth)
	}
	t.text = text
	return ""
}

// maxDepth bounds how deep a transaction nests that a chat keeps, so that there
// are readers for the chat around it.
const maxDepth = 32

// depth is how deep objects and arrays nest in v.
func depth(v any) int {
	deepest := -1
	switch v := v.(type) {
	case signing.Object:
		for _, member := range v {
			deepest = max(deepest, depth(member))
		}
	case []any:
		for _, element := range v {
			deepest = max(deepest, depth(element))
		}
	default:
		return 0
	}
	return max(deepest, 0) + 1
}

func (m members) fee() (wei *big.Int, reason string) {
	wei, ok := m["fee"].(*big.Int)
	if !ok || wei == nil || wei.Sign() < 0 {
		return nil, `tx "fee" field must be a bigint.`
	}
	return new(big.Int).Set(wei), ""
}

// feeIfAny is nil where the sender has set no limit.
func (m members) feeIfAny() (wei *big.Int, reason string) {
	if _, found := m["fee"]; !found {
		return nil, ""
	}
	return m.fee()
}

// refuses says why a fee that goes up to offered is not enough.
func (r rules) refuses(offered *big.Int) (reason string) {
	if offered != nil && r.fee.Cmp(offered) > 0 {
		return fmt.Sprintf("The network transaction fee (%d) is greater than the transaction fee provided (%d).", r.fee, offered)
	}
	return ""
}

// sides are the places in a pair of who sends and who receives. Somebody who
// writes to oneself has both.
func (t *talk) sides() (sender, receiver int) {
	sender = side(t.from, t.to)
	return sender, 1 - sender
}

// users finds sender and receiver, or says which of them is missing.
func (t *talk) users(s *state) (from, to *user, reason string) {
	from, ok := s.account(t.from).(*user)
	if !ok {
		if s.account(t.from) != nil {
			return nil, nil, "from account is not a UserAccount"
		}
		return nil, nil, `"from" account does not exist.`
	}
	to, ok = s.account(t.to).(*user)
	if !ok {
		if s.account(t.to) != nil {
			return nil, nil, "to account is not a UserAccount"
		}
		return nil, nil, `"target" account does not exist.`
	}
	return from, to, ""
}

// chat finds the chat of the two users; nil is none yet.
func (t *talk) chat(s *state) (c *chat, reason string) {
	c, ok := s.account(t.chatID).(*chat)
	if !ok && s.account(t.chatID) != nil {
		return nil, "chatId account is not a ChatAccount"
	}
	return c, ""
}

// openChat finds or makes the chat of the two users.
func (t *talk) openChat(s *state) (c *chat, reason string) {
	if c, reason = t.chat(s); c == nil && reason == "" {
		c = newChat(t.chatID, t.from, t.to)
	}
	return c, reason
}

const differPrivate = "Both accounts must have the same private value."

// parties finds the users and their chat once precheck has found no fault. ok is
// false only if the state is worthless.
func (t *talk) parties(s *state) (from, to *user, c *chat, ok bool) {
	from, to, reason := t.users(s)
	c, reasonChat := t.openChat(s)
	return from, to, c, reason == "" && reasonChat == ""
}

// save records all three as changed now.
func (t *talk) save(s *state, from, to *user, c *chat) {
	from.timestamp, to.timestamp, c.timestamp = t.timestamp, t.timestamp, t.timestamp
	s.save(t.from, from)
	s.save(t.to, to)
	s.save(t.chatID, c)
}
