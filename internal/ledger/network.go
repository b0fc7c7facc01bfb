package ledger

import (
	_ "embed"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
)

// parameters are what a new network starts with: the member "current" of the
// network account of a Liberdus 2.4.9 network, in canonical text.
//
//go:embed parameters.json
var parameters []byte

// A network is the NetworkAccount. Nothing changes it yet.
type network struct{ members signing.Object }

func (n *network) object() any {
	n.members["hash"] = ""
	return n.members
}

func newNetwork(networkID string, timestamp int64) (signing.Object, error) {
	current, err := signing.ParseObject(parameters)
	if err != nil {
		return nil, fmt.Errorf("parameters: %w", err)
	}
	return signing.Object{
		"id": NetworkAccountID, "type": typeNetwork, "hash": "", "networkId": networkID, "timestamp": timestamp,
		"current": current, "next": signing.Object{}, "listOfChanges": []any{},
		"windows": nil, "nextWindows": signing.Object{}, "devWindows": nil, "nextDevWindows": signing.Object{},
		"developerFund": []any{}, "nextDeveloperFund": []any{}, "issue": 1, "devIssue": 1,
	}, nil
}

// Rules are the parameters of the network that transactions follow: amounts in
// wei, times in ms.
type rules struct {
	price               *big.Int // of a LIB in dollars, with 18 decimals
	fee                 *big.Int // of every transaction but register and create
	defaultToll         *big.Int // of a new account
	minToll             *big.Int
	minStake            *big.Int
	taxPercent          int64 // of a toll that is earned
	tollTimeout         int64 // until when a toll can be earned by a reply, and from when it can be reclaimed
	restakeCooldown     int64
	maintenanceInterval int64
	maxMessages         int64 // kept in a chat
	retention           int64 // how long a chat keeps them
}

func readNetwork(o signing.Object) (networkID string, _ rules, err error) {
	r := &record{members: o}
	networkID = r.text("networkId")
	current := r.object("current")
	price, err := parseWei(current.text("stabilityFactorStr"))
	if err := errors.Join(r.err, current.err, err); err != nil {
		return "", rules{}, err
	}
	if price.Sign() == 0 {
		return "", rules{}, errors.New("stabilityFactorStr is zero")
	}
	dollars := func(name string) *big.Int {
		usd, err := parseWei(current.text(name))
		if err != nil {
			current.err = errors.Join(current.err, fmt.Errorf("%s: %w", name, err))
			return nil
		}
		return usdToWei(usd, price)
	}
	rules := rules{
		price: price, fee: dollars("transactionFeeUsdStr"),
		defaultToll: dollars("defaultTollUsdStr"), minToll: dollars("minTollUsdStr"), minStake: dollars("stakeRequiredUsdStr"),
		taxPercent: current.integer("tollNetworkTaxPercent"), tollTimeout: current.integer("tollTimeout"),
		restakeCooldown: current.integer("restakeCooldown"), maintenanceInterval: current.integer("maintenanceInterval"),
		maxMessages: current.integer("messageMaxLength"),
		retention:   current.integer("messageRetentionDays") * (24 * time.Hour).Milliseconds(),
	}
	return networkID, rules, current.err
}

// usdToWei converts dollars to LIB, both with 18 decimals: factor is the price
// of a LIB. The fraction of a wei is cut.
func usdToWei(usd, factor *big.Int) *big.Int {
	wei := new(big.Int).Mul(usd, oneLIB())
	return wei.Quo(wei, factor)
}

// parseWei reads a decimal number with up to 18 places behind the point.
func parseWei(s string) (*big.Int, error) {
	whole, fraction, _ := strings.Cut(s, ".")
	digits := whole + fraction + strings.Repeat("0", max(0, 18-len(fraction)))
	wei, ok := new(big.Int).SetString(digits, 10)
	if !ok || whole == "" || len(fraction) > 18 || strings.ContainsAny(s, "+-_") {
		return nil, fmt.Errorf("%q is not a decimal number with up to 18 places", s)
	}
	return wei, nil
}

// formatWei writes an amount in LIB, with all its places and at least one.
func formatWei(wei *big.Int) string {
	whole, rest := new(big.Int).QuoRem(wei, oneLIB(), new(big.Int))
	fraction := strings.TrimRight(fmt.Sprintf("%018d", rest), "0")
	if fraction == "" {
		fraction = "0"
	}
	return whole.String() + "." + fraction
}
