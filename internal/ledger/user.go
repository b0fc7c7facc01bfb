package ledger

import (
	"cmp"
	"errors"
	"maps"
	"math/big"
	"slices"

	"github.com/liberdus/liberdus/internal/signing"
)

// Values of the member type of an account.
const (
	typeUser    = "UserAccount"
	typeAlias   = "AliasAccount"
	typeChat    = "ChatAccount"
	typeNetwork = "NetworkAccount"
)

// maxChats bounds how many partners an account remembers, since strangers add
// to them: with so many the account's text is under 60 KB, which goes into one
// message of every peer.
const maxChats = 300

// startBalance is what a new user has: 50 LIB in wei.
func startBalance() *big.Int { return new(big.Int).Mul(big.NewInt(50), oneLIB()) }

func oneLIB() *big.Int { return big.NewInt(1e18) }

// A user is a UserAccount. Amounts are in wei, times in milliseconds of the
// Unix epoch; an amount in it is replaced, never changed in place.
type user struct {
	id              string
	alias           *string // nil until registered
	publicKey       string
	pqPublicKey     string // empty: not in the text
	private         bool
	balance         *big.Int
	stake           *big.Int
	operator        *operator // nil until it stakes on a node
	toll            *big.Int  // of those who write first, in tollUnit
	tollUnit        string
	chats           map[string]chatRef // by the partner's address
	chatTimestamp   int64
	lastMaintenance int64
	timestamp       int64
}

type chatRef struct {
	chatID   string
	received int64 // time of the partner's newest transaction; 0 if there is none
}

func newUser(id string, timestamp int64, r rules) *user {
	return &user{
		id: id, balance: startBalance(), stake: new(big.Int), toll: r.defaultToll, tollUnit: unitLIB,
		chats: make(map[string]chatRef), lastMaintenance: timestamp,
	}
}

func (u *user) object() any {
	var name any
	if u.alias != nil {
		name = *u.alias
	}
	o := append(make(signing.Members, 0, 28),
		"alias", name,
		"claimedSnapshot", false,
		"data", signing.Members{
			"balance", u.balance,
			"chatTimestamp", u.chatTimestamp,
			"chats", u.chatList(),
			"friends",
			signing.Members{},
			"payments",
			[]any{},
			"remove_stake_request", nil,
			"stake", u.stake,
			"toll", u.toll,
			"tollUnit", u.tollUnit,
		},
		"emailHash", nil,
		"hash", "",
		"id", u.id,
		"lastMaintenance", u.lastMaintenance,
	)
	if u.operator != nil {
		o = append(o, "operatorAccountInfo", u.operator.object())
	}
	if u.pqPublicKey != "" {
		o = append(o, "pqPublicKey", u.pqPublicKey)
	}
	return append(o, "private", u.private, "publicKey", u.publicKey, "timestamp", u.timestamp, "type", typeUser, "verified", false)
}

// chatList are the chats by the partners' addresses; Canonical sorts them.
func (u *user) chatList() any {
	chats := make(signing.Object, len(u.chats))
	for partner, c := range u.chats {
		chats[partner] = signing.Members{"chatId", c.chatID, "receivedTimestamp", c.received}
	}
	return chats
}

func decodeUser(o signing.Object) (*user, error) {
	r := &record{members: o}
	data := r.object("data")
	chats := data.object("chats")
	u := &user{
		id: r.text("id"), publicKey: r.text("publicKey"), private: r.flag("private"),
		lastMaintenance: r.integer("lastMaintenance"), timestamp: r.integer("timestamp"),
		balance: data.amount("balance"), stake: data.amount("stake"), toll: data.amount("toll"),
		tollUnit: data.text("tollUnit"), chatTimestamp: data.integer("chatTimestamp"),
		chats: make(map[string]chatRef, len(chats.members)),
	}
	u.pqPublicKey, _ = o["pqPublicKey"].(string)
	if alias, ok := o["alias"].(string); ok {
		u.alias = &alias
	}
	errs := []error{r.err, data.err, chats.err}
	if _, staked := o["operatorAccountInfo"]; staked {
		p, err := decodeOperator(r.object("operatorAccountInfo"))
		u.operator, errs = p, append(errs, err, r.err)
	}
	for partner := range chats.members {
		c := chats.object(partner)
		u.chats[partner] = chatRef{c.text("chatId"), c.integer("receivedTimestamp")}
		errs = append(errs, c.err)
	}
	return u, errors.Join(errs...)
}

// price is what it costs to write to the user, in wei.
func (u *user) price(r rules) *big.Int { return r.wei(u.toll, u.tollUnit) }

// maintain notes when maintenance was last paid; what is due is zero.
func (u *user) maintain(timestamp int64, r rules) {
	if timestamp-u.lastMaintenance >= r.maintenanceInterval {
		u.lastMaintenance = timestamp
	}
}

// heard returns the time under which something that came now is told of: its own,
// but later than anything that was told of before, in whatever order their senders
// dated them. Who asks for what is newer than the last one told would miss it
// otherwise.
func (u *user) heard(timestamp int64) int64 {
	u.chatTimestamp = max(timestamp, u.chatTimestamp+1)
	return u.chatTimestamp
}

// chatted records a chat with partner. If that makes too many, one goes of those
// to whom the user never wrote, as wrote tells; else that with the oldest news.
func (u *user) chatted(partner string, c chatRef, wrote func(partner string, c chatRef) bool) {
	u.chats[partner] = c
	over := len(u.chats) - maxChats
	if over <= 0 {
		return
	}
	oldest := slices.SortedFunc(maps.Keys(u.chats), func(a, b string) int {
		return cmp.Or(cmp.Compare(u.chats[a].received, u.chats[b].received), cmp.Compare(a, b))
	})
	oldest = slices.DeleteFunc(oldest, func(p string) bool { return p == partner })
	for _, p := range oldest[:over-1] { // a ledger once kept more
		delete(u.chats, p)
	}
	delete(u.chats, u.spare(oldest[over-1:], wrote))
}

// maxAsked bounds how many chats are read, at either end, to find a stranger.
const maxAsked = 32

// spare is the partner to forget of those sorted by their news, the oldest first.
func (u *user) spare(oldest []string, wrote func(partner string, c chatRef) bool) string {
	for i, p := range oldest {
		if i >= maxAsked && i < len(oldest)-maxAsked {
			continue
		}
		if !wrote(p, u.chats[p]) {
			return p
		}
	}
	return oldest[0]
}

// wrote tells with whom a user has opened a chat, or to whom it has written.
func (s *state) wrote(u *user) func(partner string, c chatRef) bool {
	return func(partner string, ref chatRef) bool {
		c, ok := s.account(ref.chatID).(*chat)
		if !ok {
			return false
		}
		who := side(u.id, partner)
		return c.required[who] != asksToll || c.wrote[who] > 0
	}
}

// An alias is an AliasAccount: a name, under its hash, and who has it.
type alias struct {
	id        string
	inbox     string // the name; empty until taken
	address   string
	timestamp int64
}

func (a *alias) object() any {
	return signing.Object{
		"id": a.id, "type": typeAlias, "hash": "", "inbox": a.inbox, "address": a.address, "timestamp": a.timestamp,
	}
}

func decodeAlias(o signing.Object) (*alias, error) {
	r := &record{members: o}
	a := &alias{id: r.text("id"), inbox: r.text("inbox"), address: r.text("address"), timestamp: r.integer("timestamp")}
	return a, r.err
}
