package config

import "reflect"

// Differ returns the keys whose values differ in two tables of one kind, in order.
// A list that was left out is an empty one.
func Differ(a, b any) []string {
	var keys []string
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range x.NumField() {
		p, q := x.Field(i), y.Field(i)
		if p.Kind() == reflect.Slice && p.Len() == 0 && q.Len() == 0 || reflect.DeepEqual(p.Interface(), q.Interface()) {
			continue
		}
		keys = append(keys, x.Type().Field(i).Tag.Get("toml"))
	}
	return keys
}
