package client

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
)

// NetworkFee is what a network with the initial parameters takes for a
// transfer, in wei (0.01 USD at 0.013 USD a LIB).
var NetworkFee = big.NewInt(769230769230769230)

// LIBDigits is the number of decimal places of one LIB: it has 10^18 wei.
const LIBDigits = 18

// ParseLIB turns an amount such as "1.5" into wei.
func ParseLIB(text string) (*big.Int, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	digits := whole + fraction
	switch {
	case digits == "" || strings.Trim(digits, "0123456789") != "":
		return nil, fmt.Errorf("%q is not an amount of LIB such as 10 or 0.5", text)
	case len(fraction) > LIBDigits:
		return nil, fmt.Errorf("%q has more than %d decimal places", text, LIBDigits)
	case len(whole) > 40:
		return nil, fmt.Errorf("%q is more than there can be", text)
	}
	wei, _ := new(big.Int).SetString(digits+strings.Repeat("0", LIBDigits-len(fraction)), 10)
	return wei, nil
}

// FormatLIB writes wei as an amount of LIB, without trailing zeros.
func FormatLIB(wei *big.Int) string {
	sign := ""
	if wei.Sign() < 0 {
		sign, wei = "-", new(big.Int).Neg(wei)
	}
	text := wei.String()
	if len(text) <= LIBDigits {
		text = strings.Repeat("0", LIBDigits+1-len(text)) + text
	}
	whole, fraction := text[:len(text)-LIBDigits], strings.TrimRight(text[len(text)-LIBDigits:], "0")
	if fraction == "" {
		return sign + whole
	}
	return sign + whole + "." + fraction
}

// A Key signs transactions. Use [LoadKey] or [NewKey].
type Key interface {
	Address() string   // of the user, 64 hex digits
	PublicKey() string // hex
	// Sign returns tx with a member sign.
	Sign(tx map[string]any) (map[string]any, error)
}

// LoadKey reads a key file, {"type","publicKey","secretKey"}, that nobody but
// its owner can read, or a node's secrets.json.
func LoadKey(path string) (Key, error) { return signing.LoadKey(path) }

// NewKey makes a user's key, of secp256k1.
func NewKey() (Key, error) { return signing.NewUserKey() }

// Sign builds the transaction of an order and signs it. It returns the text to
// inject, which is good for about 5 seconds. The network's id and its time come
// from the first archiver that answers.
func (c *Client) Sign(ctx context.Context, o Order, key Key) (json.RawMessage, error) {
	if err := o.Validate(); err != nil {
		return nil, &UsageError{err}
	}
	ctx, cancel := c.limit(ctx)
	defer cancel()
	info, err := c.networkInfo(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.checkClock(info.Skew); err != nil {
		return nil, err
	}
	tx, err := o.build(key, info.NetworkID, time.Now().Add(info.Skew))
	if err != nil {
		return nil, err
	}
	if tx, err = key.Sign(tx); err != nil {
		return nil, err
	}
	return signing.Canonical(tx)
}

// maxClock is how far the network's clock may be from this machine's for a
// transaction to be signed by it. A post-dated one could be used later on.
const maxClock = 15 * time.Minute

// checkClock reports a clock that differs, and refuses one that cannot be right.
func (c *Client) checkClock(skew time.Duration) error {
	switch {
	case skew.Abs() > maxClock:
		return &hopError{hopArchiver, fmt.Errorf("the archiver's clock is %v from this machine's: one of them is wrong, and nothing is signed by it", skew.Round(time.Second))}
	case skew.Abs() > maxSkew:
		c.log.Warn("this machine's clock differs from the network's, by which the transaction is dated", "by", skew.Round(time.Millisecond).String())
	}
	return nil
}

// networkInfo asks for the network's id and time.
func (c *Client) networkInfo(ctx context.Context) (nodelist.Info, error) {
	return firstArchiver(ctx, c, func(ctx context.Context, a *nodelist.Client) (nodelist.Info, error) {
		_, info, err := a.RTC(ctx)
		if err == nil && info.NetworkID == "" {
			err = &hopError{hopArchiver, fmt.Errorf("archiver %s: no node has joined yet, so the network has no id", a.Archiver().URL)}
		}
		return info, err
	})
}
