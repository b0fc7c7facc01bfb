package main

import "github.com/urfave/cli/v2"

// limitFlags are what one address, and one connection, may do on an archiver.
func limitFlags() []cli.Flag {
	return []cli.Flag{
		texts("limit-exempt", "`NETWORK` that limits per address spare, repeatable", "loopback; none with trusted proxies"),
		texts("trusted-proxy", "`NETWORK` of proxies whose X-Forwarded-For is believed, repeatable", "none"),
	}
}
