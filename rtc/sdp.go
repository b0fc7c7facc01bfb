package rtc

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/pion/webrtc/v3"
)

// peerMaxMessage is what a peer takes that says nothing about it
// (RFC 8841 section 6.1 says 64K; browsers refuse the last byte of it).
const peerMaxMessage = 65535

var errDescription = errors.New("unusable description")

// facts are what we read from a remote description before pion sees it.
type facts struct {
	fingerprint string // "sha-256 AB:CD:…", the only distinct one
	maxFrame    int    // bytes of the largest frame that the peer takes and pion sends
	maxMessage  int    // bytes that the peer takes, however they travel
	candidates  int
}

// notLineText tells the characters that no line may have within it.
func notLineText(r rune) bool { return r != '\n' && r != '\t' && unicode.IsControl(r) }

// inspect checks that text describes exactly one data channel association
// with exactly one certificate, and returns what we need of it.
//
// Everything else is refused here: pion would set up transceivers for media
// that no role uses, and a second fingerprint could be one the identity does
// not name.
func inspect(text string) (facts, error) {
	f := facts{maxFrame: peerMaxMessage, maxMessage: peerMaxMessage}
	media := 0
	// Pion ends a line at a carriage return too. What it could read as another
	// line than we do is refused.
	if i := strings.IndexFunc(strings.ReplaceAll(text, "\r\n", "\n"), notLineText); i >= 0 {
		return f, fmt.Errorf("%w: a control character in a line", errDescription)
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch key, value, _ := strings.Cut(line, ":"); {
		case key == "a=candidate":
			if f.candidates++; f.candidates > maxCandidates {
				return f, fmt.Errorf("%w: over %d candidates", errDescription, maxCandidates)
			}
		case strings.HasPrefix(line, "m="):
			media++
			if !strings.HasPrefix(line, "m=application ") || !strings.Contains(line, "webrtc-datachannel") {
				return f, fmt.Errorf("%w: media section %q", errDescription, clip(line))
			}
		case key == "a=fingerprint":
			fp, err := normalFingerprint(value)
			if err != nil {
				return f, err
			}
			if f.fingerprint != "" && f.fingerprint != fp {
				return f, fmt.Errorf("%w: more than one DTLS fingerprint", errDescription)
			}
			f.fingerprint = fp
		case key == "a=max-message-size":
			n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32)
			if err != nil {
				return f, fmt.Errorf("%w: max-message-size %q", errDescription, clip(value))
			}
			f.maxFrame, f.maxMessage = sctpMaxMessage, math.MaxInt32
			if n != 0 { // "any size", RFC 8841
				f.maxFrame, f.maxMessage = int(min(n, sctpMaxMessage)), int(min(n, math.MaxInt32))
			}
		}
	}
	switch {
	case media != 1:
		return f, fmt.Errorf("%w: %d media sections, want one data channel section", errDescription, media)
	case f.fingerprint == "":
		return f, fmt.Errorf("%w: no DTLS fingerprint", errDescription)
	}
	return f, nil
}

// normalFingerprint returns value as "sha-256 AB:CD:…".
func normalFingerprint(value string) (string, error) {
	alg, sum, ok := strings.Cut(strings.TrimSpace(value), " ")
	if !ok || !strings.EqualFold(alg, "sha-256") {
		return "", fmt.Errorf("%w: fingerprint %q is not of sha-256", errDescription, clip(value))
	}
	sum = strings.ToUpper(strings.TrimSpace(sum))
	if len(sum) != 32*3-1 {
		return "", fmt.Errorf("%w: fingerprint %q", errDescription, clip(value))
	}
	for i, c := range []byte(sum) {
		if isSep := i%3 == 2; isSep != (c == ':') || !isSep && !strings.ContainsRune("0123456789ABCDEF", rune(c)) {
			return "", fmt.Errorf("%w: fingerprint %q", errDescription, clip(value))
		}
	}
	return "sha-256 " + sum, nil
}

// withMaxMessage adds what we take in one message to our own description:
// pion v3 says nothing, which peers read as 64 KiB.
func withMaxMessage(text string, n int) string {
	if strings.Contains(text, "a=max-message-size:") {
		return text
	}
	if !strings.HasSuffix(text, "\r\n") {
		text += "\r\n"
	}
	return text + "a=max-message-size:" + strconv.Itoa(n) + "\r\n"
}

// ownFingerprint returns the fingerprint that pion writes into a description.
func ownFingerprint(cert webrtc.Certificate) (string, error) {
	list, err := cert.GetFingerprints()
	if err != nil || len(list) != 1 {
		return "", fmt.Errorf("certificate: %d fingerprints, %w", len(list), err)
	}
	return normalFingerprint(list[0].Algorithm + " " + list[0].Value)
}

// fingerprintOf returns the fingerprint of a certificate in DER, written as in
// a description.
func fingerprintOf(der []byte) string {
	sum := sha256.Sum256(der)
	text := make([]string, len(sum))
	for i, b := range sum {
		text[i] = fmt.Sprintf("%02X", b)
	}
	return "sha-256 " + strings.Join(text, ":")
}
