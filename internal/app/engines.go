package app

import (
	"context"
	"fmt"
	"slices"

	"holdfast/internal/detect"
	"holdfast/internal/provider"
	"holdfast/internal/terraform"
)

func checkEngine(name string) error {
	if name != "" && !slices.Contains(detect.Engines(), detect.Engine(name)) {
		return fmt.Errorf("engine %q: there are auto, direct and plan", name)
	}
	return nil
}

// installer gets missing providers by terraform init, in a folder of our own.
func installer(o CheckOptions) func(context.Context, provider.Missing, string) error {
	if o.NoInstall {
		return nil
	}
	return func(ctx context.Context, m provider.Missing, root string) error {
		binary, err := terraform.Find(o.Terraform, m.Env)
		if err != nil {
			return err
		}
		cli := terraform.CLI{Binary: binary, Env: m.Env}
		return cli.Install(ctx, terraform.Package{Source: m.Source, Version: m.Version, Hashes: m.Hashes}, root)
	}
}
