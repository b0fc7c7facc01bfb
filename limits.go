package main

import "github.com/urfave/cli/v2"

// limitFlags are what one address, and one connection, may do on an archiver.
func limitFlags() []cli.Flag {
	return []cli.Flag{
		texts("limit-exempt", "`NETWORK` that limits per address spare, repeatable", "loopback; none with trusted proxies"),
		texts("trusted-proxy", "`NETWORK` of proxies whose X-Forwarded-For is believed, repeatable", "none"),
		texts("allow-origin", "`ORIGIN` whose pages may use the PeerJS server, repeatable; programs that are no browser always may", "any"),
		number("sockets-per-address", "`N` sockets of one address on the PeerJS server", "512"),
		number("connect-rate", "`N` sockets a second, and as many calls, of one address; ten times that at once", "20"),
		number("message-rate", "`N` messages a second of one peer before it is slowed down; four times that at once", "50"),
		millis("reserve-id", "`TIME` for which an id that the PeerJS server gave out is kept for the address that asked", "10s"),
		millis("id-grace", "`TIME` for which the id of a peer whose connection was lost is kept for its token", "0"),
	}
}
