package main

import (
	"slices"
	"testing"

	"github.com/urfave/cli/v2"
	"go.uber.org/goleak"

	"github.com/liberdus/liberdus/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestInterleave(t *testing.T) {
	for _, tt := range []struct {
		name     string
		args, to []string
	}{
		{"flags before", []string{"client", "account", "--peer", "p", "ID"}, []string{"client", "account", "--peer", "p", "ID"}},
		{"flags after", []string{"client", "account", "ID", "--peer", "p"}, []string{"client", "account", "--peer", "p", "ID"}},
		{"with an equals sign", []string{"client", "account", "ID", "--peer=p"}, []string{"client", "account", "--peer=p", "ID"}},
		{"a boolean takes no value", []string{"client", "inject", "--wait", "tx.json"}, []string{"client", "inject", "--wait", "tx.json"}},
		{"a boolean with a value", []string{"archiver", "--proxied", "true", "-p", "1"}, []string{"archiver", "--proxied=true", "-p", "1"}},
		{"a boolean with a value that is none", []string{"client", "inject", "--wait=true", "false"}, []string{"client", "inject", "--wait=true", "false"}},
		{"a boolean after", []string{"client", "inject", "tx.json", "--wait"}, []string{"client", "inject", "--wait", "tx.json"}},
		{"stdin is no flag", []string{"client", "inject", "-", "--wait"}, []string{"client", "inject", "--wait", "-"}},
		{"after --", []string{"client", "account", "--", "--peer"}, []string{"client", "account", "--", "--peer"}},
		{"an unknown flag stays", []string{"client", "account", "ID", "--nosuch"}, []string{"client", "account", "--nosuch", "ID"}},
		{"a value missing at the end", []string{"client", "account", "--peer"}, []string{"client", "account", "--peer"}},
		{"an argument that is a command's name", []string{"client", "account", "nodes"}, []string{"client", "account", "nodes"}},
		{"nothing", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := interleave(app(), append([]string{"liberdus"}, tt.args...))
			if !slices.Equal(got[1:], tt.to) {
				t.Errorf("interleave = %q, want %q", got[1:], tt.to)
			}
		})
	}
}

// Every key of a table can be given as a flag, and by the environment.
func TestEveryKeyHasItsFlag(t *testing.T) {
	for _, tt := range []struct {
		name     string
		table    any
		commands [][]string // whose flags together cover the table
	}{
		{"archiver", config.Archiver{}, [][]string{{"archiver"}}},
		{"consensor", config.Consensor{}, [][]string{{"consensor"}}},
		{"client", config.Client{}, [][]string{{"client", "account"}, {"client", "inject"}, {"client", "gateway"}}},
		{"gateway", config.Gateway{}, [][]string{{"client", "gateway"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := map[string][]string{}
			for _, path := range tt.commands {
				commands := app().Commands
				var c *cli.Command
				for _, name := range path {
					c = find(commands, name)
					commands = c.Subcommands
				}
				for _, f := range c.Flags {
					if e, ok := f.(cli.DocGenerationFlag); ok {
						env[f.Names()[0]] = e.GetEnvVars()
					}
				}
			}
			for _, key := range config.Keys(tt.table) {
				flag := config.FlagName(key)
				vars, ok := env[flag]
				if !ok {
					t.Errorf("%s.%s has no flag --%s", tt.name, key, flag)
				} else if want := envOf(tt.name, flag); !slices.Equal(vars, want) {
					t.Errorf("--%s is set by %q, want %s", flag, vars, want)
				}
			}
		})
	}
}

// envOf returns the variables that set a flag, the one that wins first.
func envOf(table, flag string) []string {
	switch table + " " + flag {
	case "archiver key":
		return []string{"LIBERDUS_PEERJS_KEY"}
	case "archiver port":
		return []string{"LIBERDUS_PORT", "PORT"}
	case "archiver path":
		return []string{"LIBERDUS_PATH", "PEERSERVER_PATH"}
	}
	return []string{config.EnvName(flag)}
}
