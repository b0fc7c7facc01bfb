package roles_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/roles"
)

// other returns a table with another value for one key.
func other[T any](table T, key string) T {
	v := reflect.ValueOf(&table).Elem()
	f := v.Field(slices.Index(config.Keys(table), key))
	switch f.Kind() {
	case reflect.String:
		f.SetString(f.String() + "other")
	case reflect.Int, reflect.Int64:
		f.SetInt(f.Int() + int64(time.Second))
	case reflect.Bool:
		f.SetBool(!f.Bool())
	case reflect.Slice:
		f.Set(reflect.ValueOf([]string{"other"}).Convert(f.Type()))
	default:
		panic(key + " is a " + f.Kind().String())
	}
	return table
}

// refusesByName tries each key of a table that needs a restart, together with one that does not.
func refusesByName[T any](t *testing.T, was T, may []string, reload func(T) ([]string, error)) {
	t.Helper()
	tried := 0
	for _, key := range config.Keys(was) {
		if slices.Contains(may, key) {
			continue
		}
		tried++
		next := other(other(was, key), may[0])
		if _, err := reload(next); err == nil || !strings.HasPrefix(err.Error(), key+": needs a restart") {
			t.Errorf("with another %s: %v, want that it needs a restart", key, err)
		}
	}
	if tried < 2 { // listen and ops, at the least
		t.Errorf("only %d keys need a restart", tried)
	}
	if changed, err := reload(was); err != nil || len(changed) > 0 {
		t.Errorf("afterwards %q differ, %v: a refused reload has changed something", changed, err)
	}
}

// Every key that cannot change is refused by its name, and nothing else of that file holds.
func TestReloadRefusesWhatNeedsARestart(t *testing.T) {
	d := startDevnet(t, 1)
	t.Run("archiver", func(t *testing.T) {
		a := startArchiver(t, nil)
		refusesByName(t, roles.Settings(a), roles.ArchiverChanges, a.Reload)
	})
	t.Run("consensor", func(t *testing.T) {
		n := startConsensor(t, d, func(*config.Consensor) {})
		refusesByName(t, roles.SettingsOfNode(n), roles.ConsensorChanges, n.Reload)
	})
	t.Run("gateway", func(t *testing.T) {
		g := startGateway(t, pinned(d), nil)
		was := roles.SettingsOfGateway(g.Gateway)
		refusesByName(t, was, roles.GatewayChanges, g.Reload)
	})
	t.Run("the network of a gateway", func(t *testing.T) {
		was := config.Default().Client
		for _, key := range config.Keys(was) {
			if err := roles.Unchanged(was, other(was, key)); err == nil || !strings.HasPrefix(err.Error(), key+": needs a restart") {
				t.Errorf("with another %s: %v, want that it needs a restart", key, err)
			}
		}
	})
}
