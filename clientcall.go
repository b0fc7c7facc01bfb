package main

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/roles/client"
)

func callCommand() *cli.Command {
	return &cli.Command{
		Name:      "call",
		Usage:     "ask a node for any path of its API",
		ArgsUsage: "METHOD URL [BODY]",
		Description: "Prints {\"status\",\"body\",\"peer\"}, whatever the status is; a body that is no JSON is a string. BODY is JSON.\n\n" +
			"liberdus client call GET timestamp --archiver http://127.0.0.1:6080",
		Flags: dialFlags(),
		Action: func(c *cli.Context) error {
			r := client.Request{Method: strings.ToUpper(c.Args().Get(0)), Path: c.Args().Get(1)}
			if c.NArg() == 3 {
				r.Body = json.RawMessage(c.Args().Get(2))
				if !json.Valid(r.Body) {
					return usagef("the body is not JSON: %.80q", r.Body)
				}
			}
			return withClient(c, max(2, min(c.NArg(), 3)), "METHOD URL [BODY]", func(ctx context.Context, cl *client.Client, _ config.Client) (any, error) {
				a, err := cl.Do(ctx, r)
				var body any = json.RawMessage(a.Body)
				if a.ContentType != "" {
					body = string(a.Body)
				} else if len(a.Body) == 0 {
					body = nil
				}
				return struct {
					Status int    `json:"status"`
					Body   any    `json:"body"`
					Peer   string `json:"peer"`
				}{a.Status, body, a.Peer}, err
			})
		},
	}
}
