package nodelist

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
)

const (
	tokenVersion  = "v1"
	tokenPurpose  = "liberdus-peer-token"
	tokenLifetime = 120 * time.Second // how far ahead an expiry may lie
	tokenNonce    = 16                // bytes
	tokenSigText  = 86                // characters of a 64-byte signature
)

// NewToken returns a token that proves to a signalling server that its bearer
// holds key: v1.<expiry>.<nonce>.<signature>. Make one for each connection;
// expiry, in whole seconds, may lie at most 120 s ahead of the server's clock.
// Server is the public key of the archiver the server belongs to, or "" on a
// PeerJS server that knows nothing of this, where the token is just a secret.
func NewToken(key *signing.NodeKey, server string, expiry time.Time) string {
	var nonce [tokenNonce]byte
	_, _ = rand.Read(nonce[:]) // never fails, see crypto/rand
	return newToken(key, server, expiry, hex.EncodeToString(nonce[:]))
}

func newToken(key *signing.NodeKey, server string, expiry time.Time, nonce string) string {
	sig := key.SignBytes(tokenDigest(key.Public(), server, expiry.Unix(), nonce))
	return strings.Join([]string{
		tokenVersion, strconv.FormatInt(expiry.Unix(), 10), nonce, base64.RawURLEncoding.EncodeToString(sig),
	}, ".")
}

// VerifyToken checks a token made by [NewToken] for the key id and this server,
// and returns when it expires. Anything but the exact form NewToken writes, an
// expiry that is past or more than 120 s ahead of now, and a signature by
// another key or for another server are errors.
func VerifyToken(id, token, server string, now time.Time) (expiry time.Time, err error) {
	if !IsKey(id) {
		return time.Time{}, errors.New("the id is not a public key")
	}
	seconds, nonce, sig, err := splitToken(token)
	if err != nil {
		return time.Time{}, err
	}
	expiry = time.Unix(seconds, 0)
	switch {
	case !expiry.After(now):
		return time.Time{}, errors.New("the token has expired")
	case expiry.Sub(now) > tokenLifetime:
		return time.Time{}, fmt.Errorf("the token expires more than %v ahead", tokenLifetime)
	case !signing.VerifyBytes(id, tokenDigest(id, server, seconds, nonce), sig):
		return time.Time{}, errors.New("the token is not signed by the key that the id is, for this server")
	}
	return expiry, nil
}

// splitToken takes a token apart, accepting one spelling only of each part.
func splitToken(token string) (expiry int64, nonce string, sig []byte, err error) {
	parts := strings.SplitN(token, ".", 5)
	if len(parts) != 4 || parts[0] != tokenVersion {
		return 0, "", nil, errors.New("a token is v1.<expiry>.<nonce>.<signature>")
	}
	expiry, err = strconv.ParseInt(parts[1], 10, 64)
	if err != nil || expiry < 1 || expiry > maxSafeInteger || strconv.FormatInt(expiry, 10) != parts[1] {
		return 0, "", nil, errors.New("the expiry of a token is in whole unix seconds")
	}
	if !isHex(parts[2], 2*tokenNonce) {
		return 0, "", nil, errors.New("the nonce of a token is 32 lower-case hex digits")
	}
	if len(parts[3]) == tokenSigText { // also keeps out the line breaks that decoding skips
		sig, err = base64.RawURLEncoding.Strict().DecodeString(parts[3])
	}
	if err != nil || len(sig) != 64 {
		return 0, "", nil, errors.New("the signature of a token is 64 bytes in unpadded base64url")
	}
	return expiry, parts[2], sig, nil
}

// tokenDigest returns the 32 bytes that are signed.
func tokenDigest(peerID, server string, expiry int64, nonce string) []byte {
	sum := signing.Hash(signing.MustCanonical(signing.Object{
		"expiry":  float64(expiry),
		"nonce":   nonce,
		"peerId":  peerID,
		"purpose": tokenPurpose,
		"server":  server,
	}))
	digest, err := hex.DecodeString(sum)
	if err != nil {
		panic("nodelist: signing.Hash returned something else than hex: " + err.Error())
	}
	return digest
}

// TokenHash returns the hex SHA-256 of a token. A node whose peerId is not a
// key names it when it joins, to show that the socket is its own.
func TokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
