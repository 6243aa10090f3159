// Package modules is the contract between rcprov and everything that can bring a host to a state.
//
// A module turns the arguments of one block of a plan into one [Step], or a product's block into several. A Step says
// which facts decide it (Observe), compares them with the state it describes (Diff, a pure function) and changes what
// differs (Apply). The engine asks the questions of all steps of a host at once, so a step never looks at a host by
// itself.
//
// A package under modules/primitive or modules/product holds one family, always in the same shape: args.go has Args, the
// documented arguments; the file named like the package has Step, New and Module. This package knows none of them, no SSH
// and no HCL evaluation; modules/all lists them.
//
// # Terms
//
// Each of these has one meaning, which code, messages and documentation keep to.
//
//   - plan: a file, or a directory of files, that describes the state of hosts; and the command that shows what apply
//     would do with it.
//   - host: a machine with an SSH server, as a host block names it.
//   - play: the steps that some hosts get. Plays run one after another.
//   - step: one block `MODULE "NAME"` of a play.
//   - primitive: a module whose block is one Step: a file, a user, a service.
//   - product: a module whose block expands into several Steps, mostly those of primitives: a database, a web server.
//   - part: one of a product's Steps. Reports name it behind the block's address: mongod.rs0/keyfile.
//   - claim: what a step decides about a thing, whatever the host is like. Two steps of a host may not claim different
//     things; see [Claim].
//   - observe: to ask a host for the facts that decide a step. A host is never changed by it.
//   - answer: what came of one question: there, with values; not there; or "could not tell", with the reason. The last one
//     is an error on that host, never a change.
//   - drift: a difference that came about behind rcprov's back, after a run had converged the host.
//   - converge: to bring to the state that the plan describes. A step has converged when its Diff is empty.
//   - change: all that a step has to do on a host, decided by Diff and made by Apply; see [Change].
//   - edit: one line of a change: one difference, of one subject; see [Edit].
//   - foreseen: what an earlier step of the same plan will have made by a later step's turn, before it is made.
//   - unknown: what can't be foreseen, because it depends on what an earlier step will do. The later step may change.
//   - condition: on what an edit depends whose need is unknown: apply makes it if the condition holds.
//   - requirement: what a step needs of a host and can't bring about itself: memory, a free port, a DNS record. It is
//     checked before the first change; see [Requirement].
//   - law: what holds for every module, and is proved for each on real hosts: plan writes nothing, a second apply writes
//     nothing, and so on. The conformance suite (e2e/conformance) has the list.
package modules
