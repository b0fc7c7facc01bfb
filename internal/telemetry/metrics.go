package telemetry

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/liberdus/liberdus/internal/tally"
)

// prefix begins the name of each metric of ours.
const prefix = "liberdus_"

// A Kind is what a metric does over time.
type Kind int

// The kinds of metrics.
const (
	Counter   Kind = iota // only grows
	Gauge                 // goes up and down
	Histogram             // how many values are not over each of some bounds
)

func (k Kind) String() string { return [...]string{"counter", "gauge", "histogram"}[k] }

// A Metric is what is told under one name. All values of its labels are known
// beforehand: what strangers can choose, such as an id or an address, is never one.
type Metric struct {
	Name   string // without the prefix "liberdus_"
	Help   string
	Kind   Kind
	Labels []Label
}

// A Label tells the values of one metric apart.
type Label struct {
	Name   string
	Values []string
}

// A Group is metrics that are read together, when somebody asks for them.
type Group struct {
	Metrics []Metric
	Read    func(*Samples)
}

// A Registry has all metrics of a process. Use [NewRegistry].
type Registry struct {
	all     *prometheus.Registry
	metrics []Metric // of ours, each once
}

// NewRegistry returns a registry with the metrics of Go, of the process and of
// what runs, a version.
func NewRegistry(version string) *Registry {
	r := &Registry{all: prometheus.NewRegistry()}
	r.all.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	info := Metric{Name: "build_info", Help: "1; the labels say which program this is.", Kind: Gauge, Labels: []Label{
		{"version", []string{version}}, {"go", []string{runtime.Version()}},
	}}
	if err := r.Add("", Group{[]Metric{info}, func(s *Samples) { s.Set("build_info", 1, version, runtime.Version()) }}); err != nil {
		panic(err) // it is the first
	}
	return r
}

// Add has the metrics of a group told, with the name of a role as label "role"
// unless that is empty.
func (r *Registry) Add(role string, g Group) error {
	c := &collector{read: g.Read, families: make(map[string]family, len(g.Metrics))}
	var constant prometheus.Labels
	if role != "" {
		constant = prometheus.Labels{"role": role}
	}
	for _, m := range g.Metrics {
		names := make([]string, len(m.Labels))
		for i, l := range m.Labels {
			names[i] = l.Name
		}
		c.families[m.Name] = family{m, prometheus.NewDesc(prefix+m.Name, m.Help, names, constant)}
		r.note(m)
	}
	if err := r.all.Register(c); err != nil {
		return fmt.Errorf("metrics of %s: %w", role, err)
	}
	return nil
}

// note keeps a metric once, with the values that its labels have in any group.
func (r *Registry) note(m Metric) {
	i := slices.IndexFunc(r.metrics, func(o Metric) bool { return o.Name == m.Name })
	if i < 0 {
		r.metrics = append(r.metrics, m)
		return
	}
	labels := slices.Clone(r.metrics[i].Labels)
	for j := range labels {
		values := slices.Concat(labels[j].Values, m.Labels[j].Values)
		slices.Sort(values)
		labels[j].Values = slices.Compact(values)
	}
	r.metrics[i].Labels = labels
}

// Metrics returns those of ours, sorted by name, each once, with all values that
// their labels have in any role.
func (r *Registry) Metrics() []Metric {
	return slices.SortedFunc(slices.Values(r.metrics), func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
}

// Handler answers GET /metrics. Few may ask at once: to answer takes locks that
// others need.
func (r *Registry) Handler() http.Handler {
	return promhttp.HandlerFor(r.all, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	})
}

type family struct {
	Metric
	desc *prometheus.Desc
}

// A collector reads a group.
type collector struct {
	families map[string]family // fixed
	read     func(*Samples)
}

func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, f := range c.families {
		to <- f.desc
	}
}

func (c *collector) Collect(to chan<- prometheus.Metric) { c.read(&Samples{c, to}) }

// Samples take what a group tells at one moment.
type Samples struct {
	of *collector
	to chan<- prometheus.Metric
}

// Set tells a counter or a gauge; labels are the values of its labels, in order.
func (s *Samples) Set(name string, v float64, labels ...string) {
	s.send(name, labels, func(f family) (prometheus.Metric, error) {
		kind := prometheus.GaugeValue
		if f.Kind == Counter {
			kind = prometheus.CounterValue
		}
		return prometheus.NewConstMetric(f.desc, kind, v, labels...)
	})
}

// Histogram tells a histogram.
func (s *Samples) Histogram(name string, v tally.Snapshot, labels ...string) {
	s.send(name, labels, func(f family) (prometheus.Metric, error) {
		return prometheus.NewConstHistogram(f.desc, v.Count, v.Sum, v.Below, labels...)
	})
}

// Counts tells a counter for each name of a set.
func Counts[K ~string](s *Samples, name string, counts map[K]uint64) {
	for label, n := range counts {
		s.Set(name, float64(n), string(label))
	}
}

// Names returns the names of a set as values of a label.
func Names[K ~string, V any](counts map[K]V) []string {
	var list []string
	for name := range counts {
		list = append(list, string(name))
	}
	slices.Sort(list)
	return list
}

// send hands on what build makes of a metric. What is not declared is an error
// that whoever asks gets: it must not become a label.
func (s *Samples) send(name string, labels []string, build func(family) (prometheus.Metric, error)) {
	f, known := s.of.families[name]
	if !known {
		s.to <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(fmt.Errorf("metric %s is not declared", name)), fmt.Errorf("metric %s is not declared", name))
		return
	}
	for i, value := range labels {
		if i < len(f.Labels) && !slices.Contains(f.Labels[i].Values, value) {
			s.to <- prometheus.NewInvalidMetric(f.desc, fmt.Errorf("metric %s: a value of label %s is not declared", name, f.Labels[i].Name))
			return
		}
	}
	m, err := build(f)
	if err != nil {
		m = prometheus.NewInvalidMetric(f.desc, err)
	}
	s.to <- m
}
