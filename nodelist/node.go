package nodelist

import (
	"regexp"
	"strings"

	"github.com/liberdus/liberdus/internal/signing"
)

// A Node is one entry of the list.
type Node struct {
	// ID is 64 hex digits derived from PublicKey, see [NodeID].
	ID string `json:"id"`
	// IP and Port are where the node's own HTTP server is reached from outside.
	IP   string `json:"ip"`
	Port int    `json:"port"`
	// PublicKey is the node's Ed25519 key, 64 lower-case hex digits.
	PublicKey string `json:"publicKey"`
	// PeerID is the node's id on the signalling server.
	PeerID string `json:"peerId"`
}

// NodeID returns the id of the node with this public key: the hash of
// {"cycleMarker":"00…0","publicKey":publicKey}, which is what Shardus gives the
// first node of a network. Here every node gets it, so that an id is stable.
func NodeID(publicKey string) string {
	return signing.Hash(signing.MustCanonical(signing.Object{
		"cycleMarker": strings.Repeat("0", 64),
		"publicKey":   publicKey,
	}))
}

// IsKey reports whether s has the form of a public key: 64 lower-case hex
// digits. A peerId of this form certifies itself.
func IsKey(s string) bool { return isHex(s, 64) }

// isHex reports whether s is n lower-case hex digits.
func isHex(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

const (
	maxPeerID = 128 // bytes
	maxHost   = 253 // bytes, of a host name
)

var (
	peerIDForm = regexp.MustCompile(`^[A-Za-z0-9]+(?:[ _-][A-Za-z0-9]+)*$`)
	hostForm   = regexp.MustCompile(`^[0-9A-Za-z:._%-]+$`)
)

// validPeerID reports whether PeerJS clients accept id.
func validPeerID(id string) bool { return len(id) <= maxPeerID && peerIDForm.MatchString(id) }

// validHost reports whether host is a bare address or host name.
func validHost(host string) bool { return len(host) <= maxHost && hostForm.MatchString(host) }

// validPort reports whether port can be dialled.
func validPort(port int) bool { return port >= 1 && port <= 65535 }
