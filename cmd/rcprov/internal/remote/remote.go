// Package remote is how rcprov reaches a host: SSH with host keys checked, agent, ssh_config and jump hosts; sudo;
// a root shell that answers questions; commands, uploads and tunnels. It imitates ssh(1) in what it reads and
// refuses, so that a host which `ssh` can reach needs no further configuration.
package remote
