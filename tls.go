package main

import "github.com/urfave/cli/v2"

// tlsFlags are those that make the archiver's public listeners speak TLS.
func tlsFlags() []cli.Flag {
	return []cli.Flag{
		text("tls-cert", "PEM `FILE` of the certificate and its chain: --listen speaks https and wss; read again when it changes", "plain HTTP", "sslcert"),
		text("tls-key", "PEM `FILE` of the certificate's private key", "", "sslkey"),
	}
}
