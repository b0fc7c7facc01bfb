package signing

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxKeyFile is far more than a key file needs, in bytes.
const maxKeyFile = 64 << 10

// LoadKey reads a key file, {"type","publicKey","secretKey"} with the scheme's
// name and hex digits, or the secrets.json of a Shardus node, which has no type
// and is Ed25519. It refuses a file that users other than its owner can read,
// and a public key that is not that of the secret.
func LoadKey(path string) (Key, error) {
	text, err := readPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	k, err := parseKey(text)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return k, nil
}

// readPrivate reads a regular file that nobody but its owner can read.
func readPrivate(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would be waited for, for ever
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return nil, fmt.Errorf("%s has mode %04o: others may use the secret key in it; run: chmod 600 %s", path, perm, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("%s is over %d bytes", path, maxKeyFile)
	}
	return text, nil
}

func parseKey(text []byte) (Key, error) {
	o, err := ParseObject(text)
	if err != nil {
		return nil, err
	}
	scheme := SchemeEd25519
	if v, given := o["type"]; given {
		var ok bool
		if scheme, ok = v.(string); !ok {
			return nil, errors.New("type is not a string")
		}
	}
	secret, ok := o["secretKey"].(string)
	if !ok {
		return nil, errors.New("it has no string secretKey")
	}
	public, ok := o["publicKey"].(string)
	if !ok {
		return nil, errors.New("it has no string publicKey")
	}
	k, err := keyFromSecret(scheme, secret)
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(public, k.PublicKey()) {
		return nil, fmt.Errorf("publicKey is %.130q, but the public key of its secretKey is %q", public, k.PublicKey())
	}
	return k, nil
}

// WriteKey makes a key file that only its owner can read. When it returns nil
// the file is complete and on disk; an error leaves nothing behind. A file that exists
// is not overwritten: the error is fs.ErrExist.
func WriteKey(path string, k Key) error {
	secret, err := secretOf(k)
	if err == nil {
		text := MustCanonical(map[string]string{"type": k.Scheme(), "publicKey": k.PublicKey(), "secretKey": secret})
		err = createFile(path, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write key file: %w", err)
	}
	return nil
}

// createFile writes a file that does not exist yet, wholly or not at all.
func createFile(path string, text []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	err = os.Link(f.Name(), path) // unlike a rename, it does not replace
	switch {
	case errors.Is(err, fs.ErrExist):
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	case err != nil:
		return err
	}
	if err := syncDir(dir); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// LoadOrCreateNodeKey loads the Ed25519 key at path, or makes one there if
// there is no file. The folder must exist.
func LoadOrCreateNodeKey(path string) (k *NodeKey, created bool, err error) {
	k, err = loadNodeKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, false, err
	}
	if k, err = NewNodeKey(); err != nil {
		return nil, false, err
	}
	err = WriteKey(path, k)
	if errors.Is(err, fs.ErrExist) { // another process was quicker
		k, err = loadNodeKey(path)
		return k, false, err
	}
	if err != nil {
		return nil, false, err
	}
	return k, true, nil
}

func loadNodeKey(path string) (*NodeKey, error) {
	k, err := LoadKey(path)
	if err != nil {
		return nil, err
	}
	node, ok := k.(*NodeKey)
	if !ok {
		return nil, fmt.Errorf("key file %s: it is a %s key, want %s", path, k.Scheme(), SchemeEd25519)
	}
	return node, nil
}
