package roles

import (
	"errors"

	"github.com/liberdus/liberdus/internal/telemetry"
)

var _ operated = (*Devnet)(nil)

var errNotAll = errors.New("not every consensor has joined the archiver yet")

// view is what the operator's page shows of what a devnet's roles share.
func (d *Devnet) view() telemetry.View {
	return telemetry.View{
		Role:    "devnet",
		Facts:   []telemetry.Fact{{Name: "network", Value: d.ledger.NetworkID()}, {Name: "data", Value: d.data}},
		Budgets: d.budgets(), Checks: d.checks(),
	}
}

func (d *Devnet) checks() []telemetry.Check {
	var all error
	for _, n := range d.Consensors {
		if joined, _ := n.joined(); joined == 0 {
			all = errNotAll
		}
	}
	return []telemetry.Check{check("consensors", all), check("disk", d.ledger.Healthy())}
}

func (d *Devnet) budgets() []telemetry.Budget {
	return []telemetry.Budget{ledgerBudget(d.ledger)}
}

func (d *Devnet) groups() []telemetry.Group {
	return []telemetry.Group{ledgerGroup(d.ledger), budgetGroup(d.budgets), checksGroup(d.checks)}
}

// operated are the devnet and its roles.
func (d *Devnet) operated() []operated {
	list := []operated{d, d.Archiver}
	for _, n := range d.Consensors {
		list = append(list, n)
	}
	return list
}
