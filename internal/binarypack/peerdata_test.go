package binarypack_test

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/binarypack"
)

// A full chunk as PeerJS 1.5 sends it, up to its data.
const fullChunk = "84ba5f5f706565724461746101b16e00b464617461da3fac"

func TestChunk(t *testing.T) {
	full := binarypack.Chunk{Message: 1, Index: 0, Total: 3, Data: bytes.Repeat([]byte{7}, binarypack.ChunkSize)}
	pack := full.Append(nil)
	if len(pack) != 16331 || !strings.HasPrefix(hex.EncodeToString(pack), fullChunk) {
		t.Errorf("a full chunk is %x… (%d bytes), want %s… (16331 bytes)", pack[:24], len(pack), fullChunk)
	}
	for name, c := range map[string]binarypack.Chunk{
		"full":         full,
		"empty":        {Message: 1, Total: 1, Data: []byte{}},
		"high numbers": {Message: 1<<53 - 1, Index: 1 << 40, Total: 1<<40 + 1, Data: []byte("x")},
	} {
		pack := c.Append([]byte("before"))[len("before"):]
		if !binarypack.IsPeerData(pack) {
			t.Errorf("%s: IsPeerData = false", name)
		}
		got, closes, err := binarypack.ReadPeerData(pack)
		if err != nil || closes || !reflect.DeepEqual(got, c) {
			t.Errorf("%s: ReadPeerData = %v, %v, %v", name, got, closes, err)
		}
	}
}

func TestReadPeerData(t *testing.T) {
	mark := "ba" + hex.EncodeToString([]byte("__peerData"))
	for _, tt := range []struct {
		name, pack string
		closes     bool
		err        string
	}{
		{name: "close", pack: "81" + mark + "81b474797065b5636c6f7365", closes: true},
		{name: "another order", pack: "84" + mark + "01b5746f74616c02b16e01b464617461a0"},
		{name: "a member more", pack: "85" + mark + "01b5746f74616c02b16e01b46e6f74659181b16101b464617461a0"},
		{name: "numbers as floats", pack: "84" + mark + "cb3ff0000000000000b5746f74616c02b16e01b464617461a0"},
		{name: "an object that says nothing", pack: "81" + mark + "81b474797065b26f6b", err: "says nothing"},
		{name: "a close that ends too soon", pack: "81" + mark + "81b474797065", err: "too soon"},
		{name: "no total", pack: "83" + mark + "01b16e00b464617461a0", err: "lacks"},
		{name: "n twice, no total", pack: "84" + mark + "01b16e00b16e00b464617461a0", err: "lacks"},
		{name: "negative n", pack: "84" + mark + "01b16effb464617461a0b5746f74616c01", err: "number"},
		{name: "n is half", pack: "84" + mark + "01b16ecb3fe0000000000000b464617461a0b5746f74616c01", err: "number"},
		{name: "n is NaN", pack: "84" + mark + "01b16ecb7ff8000000000000b464617461a0b5746f74616c01", err: "number"},
		{name: "n of 2^53", pack: "84" + mark + "01b16ecf0020000000000000b464617461a0b5746f74616c01", err: "number"},
		{name: "data are text", pack: "84" + mark + "01b16e00b464617461b161b5746f74616c01", err: "not bytes"},
		{name: "something after it", pack: "84" + mark + "01b16e00b464617461a0b5746f74616c01c0", err: "follows"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pack := unhex(t, tt.pack)
			_, closes, err := binarypack.ReadPeerData(pack)
			switch {
			case tt.err == "" && err != nil, tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("ReadPeerData = %v, want %q", err, tt.err)
			case closes != tt.closes:
				t.Errorf("closes = %v, want %v", closes, tt.closes)
			}
		})
	}
}

func TestIsPeerData(t *testing.T) {
	for pack, want := range map[string]bool{
		"":                                 false,
		"80":                               false,
		"81b16101":                         false,
		"c0":                               false,
		"9182":                             false,
		"8101":                             false,
		"81ba5f5f7065657244617461c0":       true,
		"82b16101ba5f5f706565724461746101": false, // PeerJS writes the mark first
	} {
		if got := binarypack.IsPeerData(unhex(t, pack)); got != want {
			t.Errorf("IsPeerData(%s) = %v, want %v", pack, got, want)
		}
	}
}
