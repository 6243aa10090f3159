package job

import (
	"context"
	"time"

	"github.com/rcprov/rcprov/modules"
)

// killAgain is the time after which a job is killed once more: it may have been about to start.
const (
	killAgain   = 500 * time.Millisecond
	killTimeout = 10 * time.Second
)

// RunWhile is [Run] for a job that is of no use once ctx is done: it is killed then, with all of its processes, whatever
// it was at. The error is that of ctx. Nobody else may run a job of this name at the same time.
func RunWhile(ctx context.Context, h modules.Host, j Job) (modules.Result, error) {
	return runWhile(ctx, h, j, onHost)
}

func runWhile(ctx context.Context, h modules.Host, j Job, at place) (modules.Result, error) {
	if err := context.Cause(ctx); err != nil {
		return modules.Result{}, err
	}
	ended, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ended:
			return
		case <-ctx.Done():
		}
		for {
			kill(context.WithoutCancel(ctx), h, j)
			select {
			case <-ended:
				return
			case <-time.After(killAgain):
			}
		}
	}()
	// Not stopped by ctx: only run learns that the job has ended.
	result, err := run(context.WithoutCancel(ctx), h, j, at)
	close(ended)
	<-watched
	if err != nil && ctx.Err() != nil {
		return modules.Result{}, context.Cause(ctx)
	}
	return result, err
}

// kill kills the processes of a job. Whether that worked, run learns.
func kill(ctx context.Context, h modules.Host, j Job) {
	ctx, cancel := context.WithTimeout(ctx, killTimeout)
	defer cancel()
	_, _ = h.Run(ctx, modules.Command{Argv: []string{"systemctl", "kill", "--signal=KILL", "--", j.Unit()}})
}
