package nodelist

import (
	"errors"
	"fmt"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
)

// decodeRTC reads what /rtc answers to a request with this nonce.
func decodeRTC(o signing.Object, nonce string) (RTC, Info, error) {
	if err := exactMembers(o, "networkId", "nonce", "purpose", "rtc", "sign", "time"); err != nil {
		return RTC{}, Info{}, err
	}
	at, ok := integer(o["time"])
	networkID, err := networkIDOf(o)
	switch {
	case o["purpose"] != rtcPurpose:
		return RTC{}, Info{}, fmt.Errorf("its purpose is %s", show(o["purpose"]))
	case o["nonce"] != nonce:
		return RTC{}, Info{}, errors.New("its nonce is not the one sent: it may be an old answer")
	case !ok:
		return RTC{}, Info{}, errors.New("time is to be a whole number")
	case err != nil:
		return RTC{}, Info{}, err
	}
	r, err := decodeRTCMember(o["rtc"])
	return r, Info{NetworkID: networkID, Time: time.UnixMilli(at)}, err
}

func decodeRTCMember(v any) (RTC, error) {
	o := asObject(v)
	want := []string{"iceServers", "key", "path", "port", "secure"}
	if _, ok := o["host"]; ok {
		want = append(want, "host")
	}
	if err := exactMembers(o, want...); err != nil {
		return RTC{}, fmt.Errorf("rtc: %w", err)
	}
	host, hostOK := "", true
	if len(want) == 6 {
		host, hostOK = o["host"].(string)
		hostOK = hostOK && host != ""
	}
	port, portOK := integer(o["port"])
	path, pathOK := o["path"].(string)
	key, keyOK := o["key"].(string)
	secure, secureOK := o["secure"].(bool)
	servers, err := decodeICEServers(o["iceServers"])
	if !hostOK || !portOK || !pathOK || !keyOK || !secureOK || err != nil {
		return RTC{}, errors.Join(errors.New("rtc: a member is of another type than it should be"), err)
	}
	r := RTC{Host: host, Port: int(port), Path: path, Key: key, Secure: secure, ICEServers: servers}
	if err := r.validate(); err != nil {
		return RTC{}, fmt.Errorf("rtc: %w", err)
	}
	return r, nil
}

func decodeICEServers(v any) ([]ICEServer, error) {
	entries, ok := v.([]any)
	if !ok {
		return nil, errors.New("iceServers is no array")
	}
	servers := make([]ICEServer, 0, len(entries))
	for _, entry := range entries {
		o := asObject(entry)
		text := func(name string) string { s, _ := o[name].(string); return s }
		s := ICEServer{Username: text("username"), Credential: text("credential")}
		urls, ok := o["urls"].([]any)
		if u, one := o["urls"].(string); one {
			urls, ok = []any{u}, true
		}
		for _, u := range urls {
			u, isText := u.(string)
			ok = ok && isText
			s.URLs = append(s.URLs, u)
		}
		if !ok {
			return nil, errors.New("iceServers: urls is neither a string nor an array of strings")
		}
		servers = append(servers, s)
	}
	return servers, nil
}
