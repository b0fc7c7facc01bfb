package main

import "github.com/urfave/cli/v2"

// serviceFlags are what clients may do on a consensor.
func serviceFlags() []cli.Flag {
	return []cli.Flag{
		texts("limit-exempt", "`NETWORK` whose clients the paces and the limits per address spare, repeatable", "loopback; none with trusted proxies"),
		texts("trusted-proxy", "`NETWORK` of proxies before the HTTP server whose X-Forwarded-For is believed, repeatable", "none"),
		number("max-sessions", "sessions `N` at once, those being opened included", "4096"),
		number("max-sessions-per-peer", "of one peer id, `N`", "8"),
		number("max-sessions-per-address", "of one address, `N`", "256"),
		number("max-handshakes", "`N` sessions being opened at once whose peers have not shown that they read the answer, and as many whose have", "128"),
		number("requests-in-flight", "requests of one session handled at once, `N`", "64"),
		number("requests-per-second", "of one session, `N`", "2000"),
		number("total-requests-per-second", "of all sessions, `N`", "20000"),
		number("request-memory", "`MIB` of the requests in hand", "64"),
		number("max-subscriptions-per-session", "`N` subscriptions of one session", "1024"),
		number("max-subscriptions", "`N` subscriptions and held long polls in all", "65536"),
		number("max-watched-accounts", "`N` accounts that they watch", "16384"),
		number("max-polls", "`N` long polls held at once", "1024"),
	}
}
