package nodelist

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/liberdus/liberdus/internal/signing"
)

const (
	joinPurpose    = "liberdus-join"
	maxSafeInteger = 1<<53 - 1 // what every JSON reader keeps exact
)

// ours names the members that make a first-node request a join of this project.
var ours = [...]string{"networkId", "timestamp", "purpose", "tokenHash"}

// parseJoin reads the body of POST /nodelist:
//
//	{"nodeInfo":{"externalIp":"…","externalPort":9001,"publicKey":"…","peerId":"…",…},
//	 "networkId":"…","timestamp":<ms>,"purpose":"liberdus-join","tokenHash"?:"…",
//	 "sign":{"owner":"…","sig":"…"}}
//
// The checks of the form come first, with the texts and in the order of a
// Shardus archiver. A good request with none of our members is one of an
// unmodified node, which wants the list and no more: wants is false for it.
// Errors are texts for the node.
func parseJoin(body any) (j join, wants bool, err error) {
	request, info, err := checkFirstNode(body)
	if err != nil {
		return join{}, false, err
	}
	for _, name := range ours {
		if _, ok := request[name]; ok {
			wants = true
		}
	}
	if !wants {
		return join{}, false, nil
	}
	j, err = readJoin(request, info)
	return j, true, err
}

// checkFirstNode makes the checks that every archiver makes.
func checkFirstNode(body any) (request, info signing.Object, err error) {
	if err := requireTypes(body, "nodeInfo", "object", "sign", "object"); err != nil {
		return nil, nil, err
	}
	request = asObject(body)
	info, sign := asObject(request["nodeInfo"]), asObject(request["sign"])
	if err := requireTypes(info, "externalIp", "string", "externalPort", "number", "publicKey", "string"); err != nil {
		return nil, nil, err
	}
	if err := requireTypes(sign, "owner", "string", "sig", "string"); err != nil {
		return nil, nil, err
	}
	if info["publicKey"] != sign["owner"] {
		return nil, nil, errors.New("nodeInfo.publicKey does not match signature owner")
	}
	if _, err := signing.Verify(request); err != nil {
		return nil, nil, signatureFault(sign)
	}
	return request, info, nil
}

// signatureFault says of a signature that does not verify what other archivers
// say of it: one that is not even the hex text of a signature is another fault.
func signatureFault(sign signing.Object) error {
	owner, err := hex.DecodeString(sign["owner"].(string))
	sig, err2 := hex.DecodeString(sign["sig"].(string))
	if err != nil || err2 != nil || len(owner) != 32 || len(sig) != 96 {
		//lint:ignore ST1005 the text other archivers send
		return errors.New("Signature verification failed")
	}
	//lint:ignore ST1005 the text other archivers send
	return errors.New("Invalid signature")
}

// readJoin reads what makes a request a join.
func readJoin(request, info signing.Object) (join, error) {
	for name := range request {
		switch name {
		case "nodeInfo", "networkId", "timestamp", "purpose", "tokenHash", "sign":
		default:
			return join{}, fmt.Errorf("%.40q is not a member of a join", name)
		}
	}
	if err := requireTypes(request, "networkId", "string", "timestamp", "number", "purpose", "string"); err != nil {
		return join{}, err
	}
	if err := requireTypes(info, "peerId", "string"); err != nil {
		return join{}, err
	}
	if request["purpose"] != joinPurpose {
		return join{}, fmt.Errorf("purpose must be %q", joinPurpose)
	}
	node := Node{
		IP:        info["externalIp"].(string),
		PublicKey: info["publicKey"].(string),
		PeerID:    info["peerId"].(string),
	}
	port, portOK := integer(info["externalPort"])
	node.Port = int(port)
	j := join{node: node, networkID: request["networkId"].(string)}
	var timeOK bool
	j.timestamp, timeOK = integer(request["timestamp"])
	switch {
	case !validHost(node.IP):
		return join{}, errors.New("externalIp must be an address or a host name")
	case !portOK || !validPort(node.Port):
		return join{}, errors.New("externalPort must be a whole number from 1 to 65535")
	case !IsKey(node.PublicKey):
		return join{}, errors.New("publicKey must be 64 lower-case hex digits")
	case !validPeerID(node.PeerID):
		return join{}, errors.New("peerId must be letters and digits, with single -, _ or spaces between them")
	case !IsKey(j.networkID):
		return join{}, errors.New("networkId must be 64 lower-case hex digits")
	case !timeOK:
		return join{}, errors.New("timestamp must be in whole milliseconds")
	}
	j.node.ID = NodeID(node.PublicKey)
	return withTokenHash(j, request)
}

func withTokenHash(j join, request signing.Object) (join, error) {
	v, ok := request["tokenHash"]
	if !ok {
		return j, nil
	}
	text, _ := v.(string)
	if !isHex(text, 2*len(j.tokenHash)) {
		return join{}, errors.New("tokenHash must be 64 lower-case hex digits")
	}
	_, _ = hex.Decode(j.tokenHash[:], []byte(text)) // isHex said that it is hex
	j.hasToken = true
	return j, nil
}

// requireTypes checks that v is an object whose members have the types named,
// as pairs of name and type. The texts are those of a Shardus archiver, odd
// comma included.
func requireTypes(v any, pairs ...string) error {
	switch t := typeOf(v); {
	case v == nil:
		return errors.New("input is null")
	case t != "object" && t != "array":
		return fmt.Errorf("input must be object, not %s", t)
	}
	o := asObject(v)
	for i := 0; i < len(pairs); i += 2 {
		name, want := pairs[i], pairs[i+1]
		switch member, ok := o[name]; {
		case !ok:
			return fmt.Errorf("%s is required", name)
		case member == nil:
			return fmt.Errorf("%s cannot be null", name)
		case typeOf(member) != want:
			return fmt.Errorf("%s must be, %s", name, want)
		}
	}
	return nil
}

// typeOf returns what JavaScript's typeof says of v, and array for an array.
func typeOf(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case *big.Int:
		return "bigint"
	case []any:
		return "array"
	default:
		return "object"
	}
}

// asObject returns v if it is an object and else one without members, which
// nil is.
func asObject(v any) signing.Object {
	o, _ := v.(signing.Object)
	return o
}

// integer returns v if it is a number that is whole and not negative.
func integer(v any) (int64, bool) {
	f, ok := v.(float64)
	if !ok || f < 0 || f > maxSafeInteger || f != math.Trunc(f) {
		return 0, false
	}
	return int64(f), true
}
