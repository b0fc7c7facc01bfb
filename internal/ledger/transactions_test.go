package ledger_test

import (
	"math/big"
	"strconv"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// userKey makes the n-th of a fixed row of users.
func userKey(n int) *signing.UserKey {
	secret := strconv.FormatInt(int64(n)+1, 16)
	k, err := signing.UserKeyFromSecret("0000000000000000000000000000000000000000000000000000000000000000"[len(secret):] + secret)
	if err != nil {
		panic(err)
	}
	return k
}

func sign(k signing.Key, tx signing.Object) signing.Object {
	signed, err := k.Sign(tx)
	if err != nil {
		panic(err)
	}
	return signed
}

// with returns a copy of tx with some members changed; a value of the type
// missing takes the member away.
func with(tx signing.Object, changes signing.Object) signing.Object {
	out := make(signing.Object)
	for name, v := range tx {
		out[name] = v
	}
	for name, v := range changes {
		if _, gone := v.(missing); gone {
			delete(out, name)
		} else {
			out[name] = v
		}
	}
	return out
}

type missing struct{}

func base(k signing.Key, kind string) signing.Object {
	return signing.Object{
		"type": kind, "from": k.Address(), "networkId": networkID, "timestamp": float64(now.UnixMilli()),
	}
}

func registerTx(k signing.Key, name string) signing.Object {
	return with(base(k, "register"), signing.Object{
		"alias": name, "aliasHash": signing.Hash([]byte(name)), "publicKey": k.PublicKey(),
	})
}

func createTx(k signing.Key, amount *big.Int) signing.Object {
	return with(base(k, "create"), signing.Object{"amount": amount})
}

func transferTx(k signing.Key, to string, amount *big.Int) signing.Object {
	return with(base(k, "transfer"), signing.Object{
		"to": to, "amount": amount, "fee": fee, "chatId": ledger.ChatID(k.Address(), to),
	})
}

// talkTx is a transaction of a type that two users are needed for.
func talkTx(k signing.Key, kind, to string) signing.Object {
	return with(base(k, kind), signing.Object{"to": to, "chatId": ledger.ChatID(k.Address(), to)})
}

func messageTx(k signing.Key, to string, amount *big.Int) signing.Object {
	return with(talkTx(k, "message", to), signing.Object{
		"amount": amount, "fee": fee, "message": "x", "xmessage": signing.Object{"message": "hello", "encrypted": true},
	})
}

func tollTx(k signing.Key, amount *big.Int, unit string) signing.Object {
	return with(base(k, "toll"), signing.Object{"toll": amount, "tollUnit": unit, "fee": fee})
}

func requireTx(k signing.Key, to string, required float64) signing.Object {
	return with(talkTx(k, "update_toll_required", to), signing.Object{"required": required, "fee": fee})
}

func stakeTx(k signing.Key, kind, nominee string, changes signing.Object) signing.Object {
	tx := with(base(k, kind), signing.Object{"from": missing{}, "nominator": k.Address(), "nominee": nominee})
	return with(tx, changes)
}

func depositTx(k signing.Key, nominee string, stake *big.Int) signing.Object {
	return stakeTx(k, "deposit_stake", nominee, signing.Object{"stake": stake})
}

func withdrawTx(k signing.Key, nominee string) signing.Object {
	return stakeTx(k, "withdraw_stake", nominee, signing.Object{"force": false})
}
