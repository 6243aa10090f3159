// Package scenario drives rcprov through what happens to real runs: errors of each kind, interrupts, locks, many hosts.
package scenario
