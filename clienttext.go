package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/urfave/cli/v2"

	"github.com/liberdus/liberdus/internal/telemetry"
	"github.com/liberdus/liberdus/roles/client"
)

// formatFlag says for whom a command prints.
func formatFlag() cli.Flag {
	return &cli.StringFlag{Name: "format", Value: "json", Usage: "json for programs, text for people"}
}

// format returns the value of formatFlag.
func format(c *cli.Context) (string, error) {
	switch f := c.String("format"); f {
	case "json", "text":
		return f, nil
	default:
		return "", usagef("--format %q: it is json or text", f)
	}
}

// amounts are the last words of the names of members whose numbers are amounts of
// money, such as devProposalFee. Those of dollars have Usd at the end.
var amounts = []string{"amount", "balance", "fee", "lock", "penalty", "remains", "required", "reward", "stake", "toll"}

// unitOf returns the unit of a member of o, "" if it is no amount.
func unitOf(name string, o map[string]any) string {
	plain, unit := name, "LIB"
	if rest, dollars := strings.CutSuffix(name, "Usd"); dollars || o[name+"Unit"] == "USD" {
		plain, unit = rest, "USD"
	}
	last := max(0, strings.LastIndexFunc(plain, unicode.IsUpper))
	if !slices.Contains(amounts, strings.ToLower(plain[last:])) {
		return ""
	}
	return unit
}

// A page writes a document for people: a line for each member, those of
// objects below their names.
type page struct {
	w     io.Writer
	bold  string // before a name,
	plain string // and after it
}

// newPage returns a page, with colours if w is a terminal and nobody minds: see
// https://no-color.org.
func newPage(w io.Writer) *page {
	p := &page{w: w}
	if os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && telemetry.IsTerminal(w) {
		p.bold, p.plain = "\x1b[1m", "\x1b[0m"
	}
	return p
}

// write writes doc, which encodes as a JSON object.
func (p *page) write(doc any) error {
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var o map[string]any
	if err := d.Decode(&o); err != nil {
		return err
	}
	var b strings.Builder
	p.object(&b, "", o)
	_, err = io.WriteString(p.w, b.String())
	return err
}

func (p *page) object(b *strings.Builder, indent string, o map[string]any) {
	names := slices.Sorted(maps.Keys(o))
	width := 0
	for _, name := range names {
		width = max(width, len([]rune(name)))
	}
	for _, name := range names {
		shown := printable(name)
		switch v := o[name].(type) {
		case map[string]any:
			if text, ok := number10(v, unitOf(name, o)); ok {
				p.line(b, indent, shown, width, text)
				continue
			}
			p.line(b, indent, shown, 0, "")
			p.object(b, indent+"  ", v)
		case []any:
			p.list(b, indent, shown, v)
		default:
			p.line(b, indent, shown, width, plainText(v))
		}
	}
}

func (p *page) list(b *strings.Builder, indent, name string, list []any) {
	p.line(b, indent, name, 0, fmt.Sprintf("(%d)", len(list)))
	for _, v := range list {
		if o, ok := v.(map[string]any); ok {
			p.object(b, indent+"  ", o)
			b.WriteByte('\n')
			continue
		}
		fmt.Fprintf(b, "%s  %s\n", indent, plainText(v))
	}
}

func (p *page) line(b *strings.Builder, indent, name string, width int, text string) {
	pad := strings.Repeat(" ", max(0, width-len([]rune(name))))
	fmt.Fprintln(b, strings.TrimRight(indent+p.bold+name+p.plain+pad+"  "+text, " "))
}

// number10 writes a big integer as people read it: an amount, which has a unit, or
// another one.
func number10(o map[string]any, unit string) (string, bool) {
	hex, ok := o["value"].(string)
	n, valid := new(big.Int).SetString(hex, 16)
	switch {
	case o["dataType"] != "bi" || !ok || !valid:
		return "", false
	case unit != "":
		return client.FormatLIB(n) + " " + unit, true
	}
	return n.String(), true
}

func plainText(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case string:
		return printable(v)
	case bool:
		if v {
			return "yes"
		}
		return "no"
	}
	text, _ := json.Marshal(v) // it came from JSON
	return printable(string(text))
}
