package rpc

import "slices"

// A Limit is what refused a request that is answered with [Busy].
type Limit string

// The closed set of limits.
const (
	LimitRate               Limit = "request_rate"                // faster than a stream may ask
	LimitTotalRate          Limit = "request_total_rate"          // faster than all streams together may ask
	LimitBytes              Limit = "request_bytes"               // too much was in hand
	LimitDeadline           Limit = "request_deadline"            // would have been delayed beyond its deadline
	LimitStream             Limit = "subscriptions_of_session"    // as many subscriptions as a stream may have
	LimitSubscriptions      Limit = "subscriptions"               // as many as there may be
	LimitSubscriptionsOfOne Limit = "subscriptions_of_address"    // as many as an address may have
	LimitAccounts           Limit = "watched_accounts"            // as many as may be watched
	LimitFirstLooks         Limit = "first_looks"                 // too many accounts that were not watched before
	LimitNode               Limit = "requests_to_node"            // too many wait for the node behind
	LimitInjects            Limit = "transactions"                // too many bytes of transactions in hand
	LimitBodies             Limit = "bodies"                      // too many bytes of bodies over HTTP
	LimitBodiesOfOne        Limit = "bodies_of_address"           // of one address
	LimitGateway            Limit = "gateway_requests"            // as many requests in hand as a gateway may have
	LimitGatewayOfOne       Limit = "gateway_requests_of_address" // of one address
	LimitPollsOfOne         Limit = "polls_of_address"            // as many polls as an address may have
	LimitElsewhere          Limit = "nodes"                       // the nodes behind a gateway have no room
)

var allLimits = [...]Limit{
	LimitRate, LimitTotalRate, LimitBytes, LimitDeadline, LimitStream, LimitSubscriptions, LimitSubscriptionsOfOne, LimitAccounts,
	LimitFirstLooks, LimitNode, LimitInjects, LimitBodies, LimitBodiesOfOne, LimitGateway, LimitGatewayOfOne, LimitPollsOfOne, LimitElsewhere,
}

// AllLimits returns the set.
func AllLimits() []Limit { return slices.Clone(allLimits[:]) }

// By returns r with the limit that is the reason for it. The caller of the
// request is not told; see [ServerConfig].
func (r Response) By(l Limit) Response {
	r.Limit = l
	return r
}
