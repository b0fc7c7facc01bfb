package certs

import (
	"context"
	"io/fs"
	"path"

	"github.com/caddyserver/certmagic"
)

// A storage keeps what certmagic does, on disk, but does not tell it which accounts
// there are at the authority. It would take the name of the folder of one that
// another host's certificate is just having made, which has no address, for an
// e-mail address, and register that: authorities refuse it. All hosts use the one
// account without an address.
type storage struct{ *certmagic.FileStorage }

// List implements [certmagic.Storage].
func (s storage) List(ctx context.Context, prefix string, recursive bool) ([]string, error) {
	if path.Base(prefix) == "users" {
		return nil, fs.ErrNotExist
	}
	return s.FileStorage.List(ctx, prefix, recursive)
}
