package main

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/liberdus/liberdus/internal/config"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

// docs/configuration.md says what the program itself says: `make docs` writes it.
func TestConfigurationReference(t *testing.T) {
	const path = "docs/configuration.md"
	want := reference()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the program has: run make docs", path)
	}
}

const referenceHead = `# Configuration

Written by the program (` + "`make docs`" + `), so that it is what is true.

A setting is given as a flag, in the environment, or in a TOML file named by ` + "`--config`" + `: a flag beats the environment, which beats the file, which
beats the default. [config.example.toml](../config.example.toml) is such a file with every key. An unknown key is refused, by file and line. A flag that is
repeatable takes a list in the file, and one separated by commas in the environment. Times have a unit (` + "`5s`" + `).
`

// reference is the text of docs/configuration.md.
func reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	var commands []*cli.Command
	var walk func(list []*cli.Command, before string)
	walk = func(list []*cli.Command, before string) {
		for _, c := range list {
			c := *c
			c.Name = before + c.Name
			if len(c.Flags) > 0 {
				commands = append(commands, &c)
			}
			walk(c.Subcommands, c.Name+" ")
		}
	}
	walk(app().Commands, "")
	common := shared(commands)
	fmt.Fprintf(&b, "\n## Commands that talk to a network\n\nWhat several of the commands `liberdus client …` have:\n\n")
	table(&b, "client", common)
	for _, c := range commands {
		fmt.Fprintf(&b, "\n## liberdus %s\n\n%s.\n", c.Name, strings.ToUpper(c.Usage[:1])+c.Usage[1:])
		var own []cli.Flag
		var others []string
		for _, f := range c.Flags {
			if strings.HasPrefix(c.Name, "client ") && slices.ContainsFunc(common, func(o cli.Flag) bool { return same(o, f) }) {
				others = append(others, "`--"+f.Names()[0]+"`")
				continue
			}
			own = append(own, f)
		}
		if len(others) > 0 {
			fmt.Fprintf(&b, "\nOf the above: %s.\n", strings.Join(others, ", "))
		}
		if len(own) > 0 {
			b.WriteByte('\n')
			table(&b, c.Name, own)
		}
	}
	return b.String()
}

// shared are the flags that three client commands or more have alike.
func shared(commands []*cli.Command) (list []cli.Flag) {
	for _, c := range commands {
		if !strings.HasPrefix(c.Name, "client ") {
			continue
		}
		for _, f := range c.Flags {
			n := 0
			for _, other := range commands {
				if strings.HasPrefix(other.Name, "client ") && slices.ContainsFunc(other.Flags, func(o cli.Flag) bool { return same(o, f) }) {
					n++
				}
			}
			if n >= 3 && !slices.ContainsFunc(list, func(o cli.Flag) bool { return same(o, f) }) {
				list = append(list, f)
			}
		}
	}
	return list
}

func same(a, b cli.Flag) bool {
	x, y := a.(cli.DocGenerationFlag), b.(cli.DocGenerationFlag)
	return a.Names()[0] == b.Names()[0] && x.GetUsage() == y.GetUsage() && x.GetDefaultText() == y.GetDefaultText()
}

// placeholder is what a flag's usage calls its value.
var placeholder = regexp.MustCompile("`([^`]+)`")

func table(b *strings.Builder, command string, flags []cli.Flag) {
	keys := keysOf(command)
	b.WriteString("| flag | environment | file | default | |\n|---|---|---|---|---|\n")
	for _, f := range flags {
		d := f.(cli.DocGenerationFlag)
		name, usage := "--"+f.Names()[0], strings.ReplaceAll(d.GetUsage(), "|", "\\|")
		if m := placeholder.FindStringSubmatch(usage); m != nil {
			name, usage = name+" "+m[1], placeholder.ReplaceAllString(usage, "$1")
		}
		for _, alias := range f.Names()[1:] {
			name += ", " + strings.Repeat("-", min(len(alias), 2)) + alias
		}
		env := ""
		if vars := d.GetEnvVars(); len(vars) > 0 {
			env = "`" + strings.Join(vars, "`, `") + "`"
		}
		key, def := "", strings.Trim(d.GetDefaultText(), `"`)
		if k, ok := keys[f.Names()[0]]; ok {
			key = "`" + k.name + "`"
			if k.def != "" {
				def = k.def
			}
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", name, env, key, def, usage)
	}
}

// A key is one of a configuration file.
type key struct{ name, def string }

// keysOf returns the keys of a command's table by their flags.
func keysOf(command string) map[string]key {
	all := config.Default()
	keys := map[string]key{}
	file := reflect.ValueOf(all)
	for i := range file.NumField() {
		table := file.Type().Field(i).Tag.Get("toml")
		if command != table && !strings.HasPrefix(command, table+" ") && command != "client "+table {
			continue
		}
		v := file.Field(i)
		for j := range v.NumField() {
			name := v.Type().Field(j).Tag.Get("toml")
			keys[config.FlagName(name)] = key{"[" + table + "] " + name, shown(v.Field(j).Interface())}
		}
	}
	if command == "ledger export" || command == "ledger import" || command == "ledger verify" {
		keys["data"] = key{"[consensor] data", all.Consensor.Data}
	}
	return keys
}

// shown is a default as one may write it, "" for none.
func shown(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []string:
		return strings.Join(v, ", ")
	case int:
		return fmt.Sprint(v)
	case time.Duration:
		return v.String()
	case config.Millis:
		return v.String()
	}
	return ""
}
