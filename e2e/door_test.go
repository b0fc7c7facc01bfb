package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
)

// web is the HTTP client of the tests: bounded, and enough connections to be quick.
func web(t *testing.T) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: 3 * time.Second}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// A door is a consensor's plain HTTP side.
type door struct {
	base   string
	client *http.Client
}

func openDoor(t *testing.T, consensor *role) door { return door{consensor.url(), web(t)} }

// An answer is what a node says to an injected transaction.
type answer struct {
	Success bool   `json:"success"`
	Reason  string `json:"reason"`
	Status  int    `json:"status"`
	TxID    string `json:"txId"`
}

// inject posts the text of a signed transaction.
func (d door) inject(tx string) (answer, error) {
	body, err := json.Marshal(map[string]string{"tx": tx})
	if err != nil {
		return answer{}, err
	}
	response, err := d.client.Post(d.base+"/inject", "application/json", bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	text, err := drain(response)
	if err != nil {
		return answer{}, err
	}
	var reply struct {
		Result answer `json:"result"`
	}
	if err := json.Unmarshal(text, &reply); err != nil {
		return answer{}, fmt.Errorf("answer to inject: %w: %s", err, text)
	}
	return reply.Result, nil
}

// get returns a member of the answer to GET path: nil if it is null or absent.
func (d door) get(path, member string) (signing.Object, error) {
	response, err := d.client.Get(d.base + path)
	if err != nil {
		return nil, err
	}
	text, err := drain(response)
	if err != nil {
		return nil, err
	}
	reply, err := signing.ParseObject(text)
	if err != nil {
		return nil, fmt.Errorf("answer to GET %s: %w: %s", path, err, text)
	}
	object, _ := reply[member].(signing.Object)
	return object, nil
}

func (d door) account(id string) (signing.Object, error) { return d.get("/account/"+id, "account") }
func (d door) receipt(txID string) (signing.Object, error) {
	return d.get("/transaction/"+txID, "transaction")
}

func (d door) network(t *testing.T) string {
	t.Helper()
	account, err := d.account(strings.Repeat("0", 64))
	if err != nil {
		t.Fatal(err)
	}
	id, _ := account["networkId"].(string)
	if len(id) != 64 {
		t.Fatalf("network account: networkId = %q, want 64 hex digits", id)
	}
	return id
}

func drain(response *http.Response) ([]byte, error) {
	defer response.Body.Close()
	return io.ReadAll(io.LimitReader(response.Body, 1<<20))
}

// peers returns the peerIds that the archiver's signed list of active nodes names.
func peers(client *http.Client, archiver string) []string {
	response, err := client.Get(archiver + "/full-nodelist?activeOnly=true")
	if err != nil {
		return nil
	}
	text, err := drain(response)
	if err != nil {
		return nil
	}
	var list struct {
		NodeList []struct {
			PeerID string `json:"peerId"`
		} `json:"nodeList"`
	}
	if json.Unmarshal(text, &list) != nil {
		return nil
	}
	var ids []string
	for _, node := range list.NodeList {
		ids = append(ids, node.PeerID)
	}
	return ids
}

// listed waits until the archiver's list has that peerId.
func (s *site) listed(archiver, peerID string, within time.Duration) {
	s.t.Helper()
	if peerID == "" {
		s.t.Fatal("the consensor's ready line has no peerId")
	}
	client := web(s.t)
	eventually(s.t, within, "consensor "+peerID+" on the list of "+archiver, func() bool {
		return slices.Contains(peers(client, archiver), peerID)
	})
}
