package config

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// WriteVars gives options as variables files, in their order, for a run of
// Terraform. The values of --var go into files in dir, because anybody can read a
// program's arguments.
func (t *Tree) WriteVars(options []VarOption, dir string) ([]string, error) {
	var files []string
	for i, o := range options {
		path := o.File
		if o.File == "" {
			path = filepath.Join(dir, fmt.Sprintf("%d.tfvars", i))
			if err := os.WriteFile(path, t.assignment(o.Name, o.Value), 0o600); err != nil {
				return nil, err
			}
		}
		files = append(files, path)
	}
	return files, nil
}

// assignment is a line of a variables file. Whether the value of a --var is a
// plain string or an expression is the variable's type to say.
func (t *Tree) assignment(name, value string) []byte {
	v := t.Root.Variables[name]
	if v == nil || v.Literal {
		value = string(hclwrite.TokensForValue(cty.StringVal(value)).Bytes())
	}
	return []byte(name + " = (\n" + value + "\n)\n")
}
