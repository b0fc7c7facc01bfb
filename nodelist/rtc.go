package nodelist

import (
	"net"
	"net/url"
	"strconv"

	"github.com/liberdus/liberdus/internal/signing"
)

// RTC says where the signalling server of an archiver is and how to use it.
type RTC struct {
	// Host is the server's host name or address. Empty on the archiver's side
	// means the host the archiver was asked at; [Client.RTC] fills it in.
	Host string `json:"host,omitempty"`
	// Port is the server's TCP port.
	Port int `json:"port"`
	// Path is the PeerJS path, such as /liberdus-peer.
	Path string `json:"path"`
	// Key is the PeerJS key.
	Key string `json:"key"`
	// Secure says whether to speak TLS.
	Secure bool `json:"secure"`
	// ICEServers is for browsers; programs of this project do not use it.
	ICEServers []ICEServer `json:"iceServers"`
}

// An ICEServer is one RTCIceServer dictionary of WebRTC.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// URL returns the address of the PeerJS server, such as
// http://127.0.0.1:6080/liberdus-peer.
func (r RTC) URL() string {
	u := url.URL{Scheme: "http", Host: net.JoinHostPort(r.Host, strconv.Itoa(r.Port)), Path: r.Path}
	if r.Secure {
		u.Scheme = "https"
	}
	return u.String()
}

// object returns r as a value to be signed.
func (r RTC) object() signing.Object {
	servers := make([]any, 0, len(r.ICEServers))
	for _, s := range r.ICEServers {
		o := signing.Object{"urls": s.URLs}
		if s.Username != "" {
			o["username"] = s.Username
		}
		if s.Credential != "" {
			o["credential"] = s.Credential
		}
		servers = append(servers, o)
	}
	o := signing.Object{
		"port": float64(r.Port), "path": r.Path, "key": r.Key, "secure": r.Secure, "iceServers": servers,
	}
	if r.Host != "" {
		o["host"] = r.Host
	}
	return o
}
