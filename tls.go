package main

import "github.com/urfave/cli/v2"

// tlsFlags are those that make the archiver's public listeners speak TLS.
func tlsFlags() []cli.Flag {
	return []cli.Flag{
		text("tls-cert", "PEM `FILE` of the certificate and its chain: --listen speaks https and wss; read again when it changes", "plain HTTP", "sslcert"),
		text("tls-key", "PEM `FILE` of the certificate's private key", "", "sslkey"),
		texts("acme", "`HOST` name or address to get a certificate for from Let's Encrypt (whose terms you thereby accept), repeatable; port 80 of it must lead to --acme-http-listen or port 443 to --listen", "none"),
		text("acme-ca", "`URL` of another ACME directory", "Let's Encrypt"),
		text("acme-ca-root", "PEM `FILE` of the authority to trust when talking to --acme-ca", "the system's"),
		text("acme-http-listen", "with --acme: `ADDR` of the challenges of port 80, \"\" for none", ":80"),
	}
}
