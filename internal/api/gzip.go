package api

import (
	"bytes"
	"compress/gzip"
	"strconv"
	"strings"
)

// minZip is how many bytes of an answer are worth to be made fewer. What fits
// into one packet anyway is not.
const minZip = 1400

// newZipper makes what a.zippers keeps. Speed counts: an answer is sent once.
func newZipper() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil { // only for a level that there is not
		panic(err)
	}
	return z
}

func (a *API) zip(text []byte) []byte {
	z := a.zippers.Get().(*gzip.Writer)
	defer a.zippers.Put(z)
	var out bytes.Buffer
	z.Reset(&out)
	z.Write(text) // to memory, which takes it
	z.Close()
	return out.Bytes()
}

// acceptsGzip reads Accept-Encoding (RFC 9110 section 12.5.3).
func acceptsGzip(headers []string) bool {
	rest := false
	for part := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		name, weight, _ := strings.Cut(part, ";")
		switch name = strings.ToLower(strings.TrimSpace(name)); name {
		case "gzip":
			return wanted(weight)
		case "*":
			rest = wanted(weight)
		}
	}
	return rest
}

// wanted reports whether the weight of an encoding, such as "q=0.5", is not zero.
func wanted(weight string) bool {
	name, value, found := strings.Cut(weight, "=")
	if !found || strings.ToLower(strings.TrimSpace(name)) != "q" {
		return true
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return err == nil && q > 0
}
