package funcs

import (
	"fmt"
	"maps"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
)

// A template may render another one (OpenTofu; Terraform forbids it), to a
// depth, and with a total that keeps two calls in one template from making 2^n.
const (
	maxTemplateDepth = 256
	maxTemplates     = 10_000
)

// nesting is where in a tree of templates a call stands.
type nesting struct {
	depth    int
	rendered *int // in the whole tree
}

// templateFile is templatefile(path, vars), called from the configuration
// itself. table gives the functions that the template may call.
func templateFile(d disk, table func() map[string]function.Function) function.Function {
	return guard(templateFileAt(d, table, nesting{}))
}

func templateFileAt(d disk, table func() map[string]function.Function, at nesting) function.Function {
	return function.New(&function.Spec{
		Params: append(texts("path"), function.Parameter{Name: "vars", Type: cty.DynamicPseudoType}),
		Type:   function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			here := nesting{depth: at.depth + 1, rendered: at.rendered}
			if here.rendered == nil {
				here.rendered = new(int)
			}
			if *here.rendered++; *here.rendered > maxTemplates || here.depth > maxTemplateDepth {
				return cty.NilVal, beyond(0, "templates render each other too often or too deep", "at %q", args[0].AsString())
			}
			text, err := d.file(args[:1])
			if err != nil {
				return cty.NilVal, err
			}
			inner := func() map[string]function.Function {
				fns := maps.Clone(table())
				nested := guard(templateFileAt(d, table, here))
				fns["templatefile"], fns[CoreNamespace+"templatefile"] = nested, nested
				return fns
			}
			return render(text.AsString(), args[0].AsString(), args[1], inner)
		},
	})
}

// templateString is templatestring(template, vars). Terraform wants the template
// to be a reference, OpenTofu takes any expression; so do we.
func templateString(table func() map[string]function.Function) function.Function {
	params := append(texts("template"), function.Parameter{Name: "vars", Type: cty.DynamicPseudoType})
	return define(cty.String, params, func(args []cty.Value) (cty.Value, error) {
		v, err := render(args[0].AsString(), "template", args[1], table)
		if err != nil {
			return cty.NilVal, err
		}
		if v, err = convert.Convert(v, cty.String); err != nil {
			return cty.NilVal, bad(0, "what the template gives is not a string", "%s", err)
		}
		if v.IsKnown() && v.IsNull() {
			return cty.NilVal, bad(0, "what the template gives is null", "")
		}
		return v, nil
	})
}

// render evaluates a template, which sees vars and nothing else. One that is
// nothing but an interpolation may give a value of any type.
func render(text, name string, vars cty.Value, table func() map[string]function.Function) (cty.Value, error) {
	if t := vars.Type(); !t.IsMapType() && !t.IsObjectType() {
		return cty.NilVal, bad(1, "it must be a map or an object", "%s given", t.FriendlyName())
	}
	variables := vars.AsValueMap()
	for v := range variables {
		if !hclsyntax.ValidIdentifier(v) {
			return cty.NilVal, bad(1, "a name in it can't be a variable's: it takes letters, digits, - and _", "%q", v)
		}
	}
	expr, diags := hclsyntax.ParseTemplate([]byte(text), name, hcl.InitialPos)
	if diags.HasErrors() {
		return cty.NilVal, bad(0, "it is not a valid template", "%s", diags)
	}
	for _, traversal := range expr.Variables() {
		if _, ok := variables[traversal.RootName()]; !ok {
			return cty.NilVal, bad(1, "it lacks a variable that the template uses", "%q at %s",
				traversal.RootName(), traversal.SourceRange())
		}
	}
	v, diags := expr.Value(&hcl.EvalContext{Variables: variables, Functions: table()})
	if diags.HasErrors() {
		return cty.NilVal, &fault{
			arg: 0, cause: "the template fails", detail: fmt.Sprint(diags), limit: isOurLimit(diags),
		}
	}
	return v, nil
}
