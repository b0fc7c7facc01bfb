package api

import "iter"

// MaxBody is how many bytes a request's body may have over HTTP.
const MaxBody = maxBody

// MinZip is from how many bytes an answer over HTTP is compressed.
const MinZip = minZip

// Routes returns the table, each route as "METHOD pattern".
func (a *API) Routes() []string {
	var list []string
	for _, rt := range a.routes {
		list = append(list, rt.method+" "+rt.pattern)
	}
	return list
}

// MembersOf gives the names and values of a canonical object.
func MembersOf(raw []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for name, value := range text(raw).members() {
			if !yield(name, value) {
				return
			}
		}
	}
}
