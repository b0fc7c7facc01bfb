package signing_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/liberdus/liberdus/internal/signing"
)

func writeFile(t *testing.T, text string, mode fs.FileMode) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWrittenKeyLoads(t *testing.T) {
	for _, k := range []signing.Key{nodeKeyA(t), userKey1(t)} {
		t.Run(k.Scheme(), func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "key.json")
			if err := signing.WriteKey(path, k); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode() != 0o600 {
				t.Errorf("mode = %v, %v, want 0600", info.Mode(), err)
			}
			got, err := signing.LoadKey(path)
			if err != nil {
				t.Fatal(err)
			}
			if got.Scheme() != k.Scheme() || got.Address() != k.Address() || got.PublicKey() != k.PublicKey() {
				t.Errorf("LoadKey = %v, want %v", got, k)
			}
			text, _ := os.ReadFile(path)
			if o := parseObject(t, string(text)); len(o) != 3 || o["type"] != k.Scheme() || o["publicKey"] != k.PublicKey() {
				t.Errorf("members of the file: %d, type %v", len(o), o["type"])
			}
			left, _ := os.ReadDir(dir)
			if len(left) != 1 {
				t.Errorf("files in the folder: %v, want one", left)
			}
		})
	}
}

func TestWriteKeyDoesNotOverwrite(t *testing.T) {
	path := writeFile(t, "precious", 0o600)
	err := signing.WriteKey(path, nodeKeyA(t))
	if !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("WriteKey = %v, want %v with %s", err, fs.ErrExist, path)
	}
	if text, _ := os.ReadFile(path); string(text) != "precious" {
		t.Errorf("the file is now %q", text)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("files in the folder: %v, want one", left)
	}
}

func TestWriteKeyWithoutFolder(t *testing.T) {
	if err := signing.WriteKey(filepath.Join(t.TempDir(), "none", "key"), nodeKeyA(t)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("WriteKey = %v, want %v", err, fs.ErrNotExist)
	}
}

// strangerKey is a Key of another package.
type strangerKey struct{ signing.Key }

func TestWriteKeyOfAStranger(t *testing.T) {
	if err := signing.WriteKey(filepath.Join(t.TempDir(), "key"), strangerKey{nodeKeyA(t)}); err == nil {
		t.Error("WriteKey = nil error")
	}
}

func TestLoadKeyForms(t *testing.T) {
	node, user := nodeKeyA(t), userKey1(t)
	for _, tt := range []struct {
		name, text string
		want       signing.Key
	}{
		{"secrets.json of a node", fmt.Sprintf("{\n  \"publicKey\": %q,\n  \"secretKey\": %q\n}\n", publicA, secretA+publicA), node},
		{"seed", fmt.Sprintf(`{"publicKey":%q,"secretKey":%q,"type":"ed25519"}`, publicA, secretA), node},
		{"upper case", fmt.Sprintf(`{"publicKey":%q,"secretKey":%q}`, strings.ToUpper(publicA), strings.ToUpper(secretA+publicA)), node},
		{"user", fmt.Sprintf(`{"type":"secp256k1","publicKey":%q,"secretKey":%q,"address":"x"}`, user.PublicKey(), secretU1), user},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := signing.LoadKey(writeFile(t, tt.text, 0o600))
			if err != nil || got.PublicKey() != tt.want.PublicKey() || got.Scheme() != tt.want.Scheme() {
				t.Errorf("LoadKey = %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

func TestLoadKeyRefuses(t *testing.T) {
	good := fmt.Sprintf(`{"publicKey":%q,"secretKey":%q}`, publicA, secretA)
	user := userKey1(t)
	for _, tt := range []struct {
		name, text string
		mode       fs.FileMode
		want       string // within the error, which also names the file
	}{
		{"readable by the group", good, 0o640, "has mode 0640"},
		{"readable by others", good, 0o604, "chmod 600 "},
		{"writable by others", good, 0o602, "has mode 0602"},
		{"not JSON", "hello", 0o600, "at byte 0"},
		{"empty", "", 0o600, "the text ends"},
		{"not an object", `[]`, 0o600, "not a JSON object"},
		{"no secret", `{"publicKey":"00"}`, 0o600, "no string secretKey"},
		{"secret not a string", `{"publicKey":"00","secretKey":1}`, 0o600, "no string secretKey"},
		{"no public key", `{"secretKey":"00"}`, 0o600, "no string publicKey"},
		{"unknown type", `{"type":"rsa","publicKey":"00","secretKey":"00"}`, 0o600, `unknown type "rsa"`},
		{"type not a string", `{"type":1,"publicKey":"00","secretKey":"00"}`, 0o600, "type is not a string"},
		{"bad secret", `{"publicKey":"00","secretKey":"00"}`, 0o600, "128 hex digits"},
		{"bad user secret", `{"type":"secp256k1","publicKey":"00","secretKey":"00"}`, 0o600, "64 hex digits"},
		{"public key of another", fmt.Sprintf(`{"publicKey":%q,"secretKey":%q}`, strings.Repeat("0", 64), secretA), 0o600, "the public key of its secretKey is"},
		{"user key without type", fmt.Sprintf(`{"publicKey":%q,"secretKey":%q}`, user.PublicKey(), secretU1), 0o600, "the public key of its secretKey is"},
		{"too large", good + strings.Repeat(" ", 64<<10), 0o600, "is over 65536 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := writeFile(t, tt.text, tt.mode)
			k, err := signing.LoadKey(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("LoadKey = %v, %v, want an error with %q and %q", k, err, tt.want, path)
			}
			if err != nil && strings.Contains(err.Error(), secretA) {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
	if _, err := signing.LoadKey(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("LoadKey of no file = %v, want %v", err, fs.ErrNotExist)
	}
	if _, err := signing.LoadKey(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("LoadKey of a folder = %v", err)
	}
}

func TestLoadOrCreateNodeKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.json")
	k, created, err := signing.LoadOrCreateNodeKey(path)
	if err != nil || !created {
		t.Fatalf("first: %v, %v, %v", k, created, err)
	}
	again, created, err := signing.LoadOrCreateNodeKey(path)
	if err != nil || created || again.Public() != k.Public() {
		t.Errorf("second: %v, %v, %v, want %v", again, created, err, k)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if k, created, err := signing.LoadOrCreateNodeKey(path); err == nil || created || k != nil {
		t.Errorf("with mode 0644: %v, %v, %v, want an error", k, created, err)
	}
	user := filepath.Join(t.TempDir(), "user.json")
	if err := signing.WriteKey(user, userKey1(t)); err != nil {
		t.Fatal(err)
	}
	if k, _, err := signing.LoadOrCreateNodeKey(user); err == nil || !strings.Contains(err.Error(), "secp256k1 key, want ed25519") {
		t.Errorf("of a user's key: %v, %v", k, err)
	}
	if k, _, err := signing.LoadOrCreateNodeKey(filepath.Join(t.TempDir(), "none", "key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a folder: %v, %v", k, err)
	}
}

func TestLoadOrCreateNodeKeyTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.json")
	const n = 8
	publics, creators := make([]string, n), make([]bool, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			k, created, err := signing.LoadOrCreateNodeKey(path)
			if err != nil {
				t.Error(err)
				return
			}
			publics[i], creators[i] = k.Public(), created
		})
	}
	wg.Wait()
	made := 0
	for i := range n {
		if publics[i] != publics[0] {
			t.Errorf("key %d = %s, want %s", i, publics[i], publics[0])
		}
		if creators[i] {
			made++
		}
	}
	if made != 1 {
		t.Errorf("%d callers made the key, want 1", made)
	}
}
