package acmecertificate

import "github.com/rcprov/rcprov/modules"

var (
	_ modules.Bystander = (*Issue)(nil)
	_ modules.Bystander = (*OwnPair)(nil)
	_ modules.Bystander = (*SelfSigned)(nil)
)

// Toward implements [modules.Bystander]: a CA that looks at the host sees what nginx serves.
func (i *Issue) Toward(string) modules.Standing { return modules.ChangesAfter }

// Toward implements [modules.Bystander]: the pair is files that nobody but the services for it reads.
func (p *OwnPair) Toward(string) modules.Standing { return modules.IgnoresEffect }

// Toward implements [modules.Bystander]: as for [OwnPair].
func (c *SelfSigned) Toward(string) modules.Standing { return modules.IgnoresEffect }
