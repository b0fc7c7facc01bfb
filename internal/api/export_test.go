package api

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
