package ledger

import (
	"fmt"
	"math/big"

	"github.com/liberdus/liberdus/internal/signing"
)

// A record reads the members of a stored account. The first one that is missing
// or of another type stays in err.
type record struct {
	members signing.Object
	err     error
}

// member takes one member out of a record, as a T.
func member[T any](r *record, name string) T {
	v, ok := r.members[name].(T)
	if !ok && r.err == nil {
		r.err = fmt.Errorf("member %q is a %T, want %T", name, r.members[name], v)
	}
	return v
}

func (r *record) text(name string) string   { return member[string](r, name) }
func (r *record) flag(name string) bool     { return member[bool](r, name) }
func (r *record) integer(name string) int64 { return int64(member[float64](r, name)) }
func (r *record) object(name string) *record {
	return &record{members: member[signing.Object](r, name)}
}
func (r *record) amount(name string) *big.Int { return member[*big.Int](r, name) }

// integers takes a list of two integers.
func (r *record) integers(name string) (pair [2]int64) {
	for i, v := range r.pair(name) {
		n, ok := v.(float64)
		if !ok {
			r.wrong(name)
		}
		pair[i] = int64(n)
	}
	return pair
}

// amounts takes a list of two amounts.
func (r *record) amounts(name string) (pair [2]*big.Int) {
	for i, v := range r.pair(name) {
		n, ok := v.(*big.Int)
		if !ok {
			r.wrong(name)
		}
		pair[i] = n
	}
	return pair
}

func (r *record) pair(name string) (pair [2]any) {
	elements := member[[]any](r, name)
	if len(elements) != len(pair) {
		r.wrong(name)
		return pair
	}
	return [2]any(elements)
}

func (r *record) wrong(name string) {
	if r.err == nil {
		r.err = fmt.Errorf("member %q is not a list of two", name)
	}
}

// number takes what a JSON number is in a parsed object, and the integers that
// a program may put into one it builds.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	}
	return 0, false
}
