// Command bench measures what this project is compared with, side by side:
//
//	make bench                                 everything, three runs a side
//	go run ./bench -run signalling -quick      a look
//	go run ./bench -o docs/benchmarks.md       and keep tables and curves
//
// A scenario has sides: ours first, then the references. The sides of a
// scenario take turns, run by run, and each figure of a reference is divided
// into ours of the same run; the median of these ratios is compared with the
// goal. Absolute figures belong to the machine, ratios to the programs.
//
// A side is at least two processes beside this one: a server, which is pinned
// to the first core, and a load, pinned to the second. A figure exists only if
// every request that it rests on was answered correctly; otherwise the side
// reports an error, no figure is printed and the exit code is 1. A goal that
// is not met is reported and changes nothing else.
//
// At the end stands the scoreboard: every ratio that has a goal, with its spread.
// Fewer than three runs are no verdict. It is kept when all was measured.
//
// # Adding a scenario
//
// Write a new file for it and add one line to each table in tables.go:
//
//   - scenarios: a function that returns []scenario. Each has a section (the
//     heading in docs/benchmarks.md, always written as a whole), sides, and
//     metrics with their goals. Where one shows how a cost grows, curves say
//     which figures to draw.
//   - servers: a reference server, run as "bench serve NAME". It calls
//     [announce] with its port once it listens.
//   - loads: what makes requests, run as "bench load NAME". It answers commands
//     one at a time, see [command].
//
// A side's measure starts processes with [env.serve] and [env.load], drives the
// load with [load.do], reads [process.cpu] and [process.rss] in between, and
// returns [figures] by the names of the metrics. What it started is ended when
// it returns.
package main
