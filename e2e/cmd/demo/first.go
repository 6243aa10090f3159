package main

import (
	"context"
	_ "embed"
	"strings"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
)

//go:embed first.hcl
var firstPlan string

// planLines is how much of the plan is shown.
const planLines = 16

// first shows a small plan, for which the distribution has all that it needs.
func first(ctx context.Context, s stage) error {
	text := rcprov.HostBlock(s.host, "demo") + "\n" + firstPlan
	path, err := s.laptop.WriteFile("demo.hcl", text)
	if err != nil {
		return err
	}
	say("The plan, demo.hcl (rcprov also gets --ssh-config with the new host's key, which is not in your known_hosts):")
	act{lines: planLines}.excerpt(strings.NewReader(text))
	return s.play(ctx, firstActs(path))
}

func firstActs(path string) []act {
	return []act{
		{say: "What would be done? (plan exits with 2: there is something to do)", args: []string{"plan", path}, exit: 2, lines: 8},
		{say: "Do it.", args: []string{"apply", path}, lines: 4, brief: true},
		{say: "Again: there is nothing to do.", args: []string{"apply", path}},
		{say: "Somebody works on the host by hand:", sh: "sed -i s/Hello/Goodbye/ /srv/site/index.html\nchmod 777 /srv/site\nsystemctl stop nginx"},
		{say: "What is different now?", args: []string{"plan", path}, exit: 2, lines: 12},
		{say: "Repair exactly that.", args: []string{"apply", path}, lines: 8},
		{say: "The host knows who did what:", args: []string{"history", path, "demo"}, lines: 4},
	}
}
