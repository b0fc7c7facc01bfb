package nodelist

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
)

const (
	keptFor   = 30 * 24 * time.Hour // how old what is kept may be
	keptFresh = 10 * time.Minute    // how old it may be before the same again is written
)

// ErrUnreachable is wrapped in the errors of an archiver that gives no answer,
// or one that only says that it cannot.
var ErrUnreachable = errors.New("the archiver cannot be asked")

// errNothingKept says that there is nothing on disk to go by.
var errNothingKept = errors.New("no earlier list is kept")

// kept is the content of a file: what the archiver has signed, as texts.
type kept struct {
	URL   string `json:"url"`
	RTC   string `json:"rtc"`
	List  string `json:"list"`
	Nonce string `json:"nonce"` // of rtc
	At    int64  `json:"at"`    // unix milliseconds, of this machine
}

// keptPath is the archiver's file, "" if nothing is to be kept.
func (c *Client) keptPath() string {
	if c.folder == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(c.archiver.URL))
	return filepath.Join(c.folder, "list-"+hex.EncodeToString(sum[:8])+".json")
}

// Kept returns where the signalling server was and which nodes were active when
// the archiver last said so, for when it cannot be asked now. Both are as the
// archiver signed them, with the key it must have, up to 30 days ago. A node of
// the list has to prove its key like any other, so an old list only misleads as
// to who is there.
func (c *Client) Kept(ctx context.Context) (Signalling, SignedList, error) {
	k, err := take(ctx, c.files, c.readKept)
	if err != nil {
		return Signalling{}, SignedList{}, c.fail(fmt.Errorf("the list that is kept: %w", err))
	}
	at, list, err := c.believe(ctx, k)
	return at, list, c.fail(err)
}

// readKept returns what the file holds, nothing if there is none.
func (c *Client) readKept() (k kept, err error) {
	if path := c.keptPath(); path != "" {
		err = readJSON(path, &k)
	}
	return k, err
}

// believe returns what k says, if the archiver said it.
func (c *Client) believe(ctx context.Context, k kept) (at Signalling, list SignedList, err error) {
	switch age := time.Since(time.UnixMilli(k.At)); {
	case k.List == "" || k.URL != c.archiver.URL:
		return at, list, errNothingKept
	case age > keptFor:
		return at, list, fmt.Errorf("the list that is kept is %v old", age.Round(time.Hour))
	}
	rtc, err := c.signed(ctx, k.RTC)
	if err == nil {
		at.Server, at.Info, err = decodeRTC(rtc, k.Nonce)
	}
	if err != nil {
		return at, list, fmt.Errorf("what is kept of /rtc: %w", err)
	}
	if at.Server.Host == "" {
		at.Server.Host = c.hostname()
	}
	o, err := c.signed(ctx, k.List)
	if err == nil {
		list, err = decodeList(o, kindActive)
	}
	if err != nil {
		return at, list, fmt.Errorf("the list that is kept: %w", err)
	}
	list.Key, _ = c.trusted(ctx) // it was verified by it
	at.Info.Key = list.Key
	return at, list, nil
}

// signed reads a text that the archiver has signed.
func (c *Client) signed(ctx context.Context, text string) (signing.Object, error) {
	o, err := signing.ParseObject([]byte(text))
	if err == nil {
		_, err = c.verify(ctx, o)
	}
	return o, err
}

// store keeps what the archiver said, unless the same is kept already.
func (c *Client) store(ctx context.Context, a *anchor, list signing.Object, nodes SignedList) {
	path := c.keptPath()
	if path == "" || len(nodes.Nodes) == 0 {
		return
	}
	_, err := take(ctx, c.files, func() (none struct{}, err error) {
		if c.isKept(ctx, a, nodes) {
			return none, nil
		}
		return none, c.write(path, a, list)
	})
	if err != nil {
		c.warned.Do(func() { c.log.Warn("the archiver's list is not kept", "err", err) })
	}
}

// isKept says whether the file holds those nodes, and is not old.
func (c *Client) isKept(ctx context.Context, a *anchor, nodes SignedList) bool {
	old, err := c.readKept()
	if err != nil || time.Since(time.UnixMilli(old.At)) >= keptFresh {
		return false
	}
	at, was, err := c.believe(ctx, old)
	return err == nil && at.Server.URL() == a.rtc.URL() && slices.Equal(was.Nodes, nodes.Nodes)
}

func (c *Client) write(path string, a *anchor, list signing.Object) error {
	rtc, err := signing.Canonical(a.doc)
	if err != nil {
		return err
	}
	text, err := signing.Canonical(list)
	if err != nil {
		return err
	}
	sweep(path, leftFor)
	return writeJSON(path, kept{URL: c.archiver.URL, RTC: string(rtc), List: string(text), Nonce: a.nonce, At: time.Now().UnixMilli()})
}
